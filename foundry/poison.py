"""`foundry poison retry` and `skip`: decisions about what cannot be read, written by whoever has the log itself.

The same as the commands of these names. They need nobody to be signed in, so they also help when the
owner's own history is what cannot be read.
"""

import argparse
import json

from commands.aggregates import Aggregates
from commands.context import Context
from commands.credentials import OWNER
from commands.deciding import Deciding
from commands.log import LogCommand, RetryPoison, SkipPoison
from commands.log_handler import LogHandler
from commands.request import request_of
from foundry.event_log import any_log
from foundry.write_side import now
from runtime.identity import Caller
from runtime.settings import Settings


async def retry(settings: Settings, options: argparse.Namespace) -> int:
    """Have what waits of an aggregate folded once more."""
    return await _decide(
        settings, options, "poison.retry", RetryPoison(aggregate_id=options.aggregate_id)
    )


async def skip(settings: Settings, options: argparse.Namespace) -> int:
    """Leave one commit of an aggregate out where it cannot be read or folded."""
    command = SkipPoison(aggregate_id=options.aggregate_id, position=options.position)
    return await _decide(settings, options, "poison.skip", command)


async def _decide(
    settings: Settings, options: argparse.Namespace, name: str, command: LogCommand
) -> int:
    request = request_of(Caller(user_id=OWNER, name="Owner", credential_id=""), name, command)
    context = Context(
        now=now(),
        actor=OWNER,
        actor_name="Owner",
        command_name=name,
        command_id=request.command_id,
    )
    async with any_log(settings) as log:
        deciding = Deciding(log.store, Aggregates(log.store), now, last_cut=lambda: None)
        answer = await LogHandler(log.store, deciding).answer(request, command, context)
    if options.json:
        print(json.dumps({"position": answer.position, "events": answer.events}))
    elif answer.events:
        print(f"decided at position {answer.position}")
    else:
        print("that was decided already")
    return 0
