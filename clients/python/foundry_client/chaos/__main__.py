"""`python -m foundry_client.chaos`, where the command is not installed."""

import sys

from foundry_client.chaos.command_line import main

sys.exit(main())
