"""The checker is worth what it catches: here records are bent, and each time it has to say so."""
