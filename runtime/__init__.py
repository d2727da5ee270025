"""What every process needs and knows no task: settings, lifecycle, logs, metrics, errors, HTTP."""
