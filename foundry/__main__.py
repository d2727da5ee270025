"""What `foundry` and `python -m foundry` begin with."""

import sys


def main() -> None:
    """Run one command. Ctrl-C ends it without a trace while Python still reads the rest of the program, too."""
    try:
        from foundry import cli

        cli.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
