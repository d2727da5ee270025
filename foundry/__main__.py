"""`python -m foundry` is the CLI too."""

from foundry.cli import main

main()
