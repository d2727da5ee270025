"""From events to rows: four projections, each in a SQLite file of its own."""
