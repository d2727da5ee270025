"""`foundry token` and `foundry user add`: who may come in."""

import argparse
import json

import msgspec

from commands.bodies import decoded
from commands.handler import CommandHandler
from commands.user_commands import CreateToken, CreateUser
from foundry import running
from foundry.data_folder import read_token
from runtime.errors import Invalid
from runtime.identity import Caller
from runtime.settings import Settings


async def token(settings: Settings, options: argparse.Namespace) -> int:
    """Print the owner's token; on a data folder that was never used, make the owner first."""
    if (
        (settings.token or read_token(settings.data_folder)) is None
        and settings.nats_url is None
        and not await running.answers(settings)
    ):
        async with running.own_node(settings, frozenset({"commands"})):
            pass
    found = running.token_of(settings)
    print(json.dumps({"token": found}) if options.json else found)
    return 0


async def add_user(settings: Settings, options: argparse.Namespace) -> int:
    """Make a user and a token for them, and print both once."""
    _check(options.name)
    async with running.server(settings, "commands") as client:
        if client is not None:
            created = await running.submit(client, "user.create", name=options.name)
            user_id = created["ids"]["user_id"]
            made = await running.submit(client, "token.create", user_id=user_id)
            secret = made["secret"]
        else:
            async with running.own_node(settings, frozenset({"commands"})) as here:
                owner = await here.write.access.identify(running.token_of(settings))
                assert owner is not None
                user_id, secret = await _add(here.write.commands, owner, options.name)
    if options.json:
        print(json.dumps({"user_id": user_id, "token": secret}))
    else:
        print(
            f"{user_id}\n{secret}\nThe token is shown this once; add the user to an organization:"
        )
        print(f"  organization.add_member  organization_id=…  user_id={user_id}  role=member")
    return 0


def _check(name: str) -> None:
    """The check a body's field gets, in words that mean something on a command line."""
    try:
        decoded(msgspec.json.encode({"name": name}), CreateUser)
    except UnicodeEncodeError:
        raise Invalid("The name cannot be used: it is no text in UTF-8. Give another.") from None
    except Invalid as error:
        reasons = "; ".join(one.detail for one in error.errors)
        raise Invalid(f"The name cannot be used: {reasons}. Give another.") from None


async def _add(commands: CommandHandler, owner: Caller, name: str) -> tuple[str, str]:
    body = msgspec.json.encode({"name": name})
    created = await commands.handle(
        # As the body of a request: a name has the same bounds whichever way it comes.
        owner,
        "user.create",
        decoded(body, CreateUser),
    )
    user_id = created.ids["user_id"]
    made = await commands.handle(owner, "token.create", CreateToken(user_id=user_id))
    assert isinstance(made.secret, str)
    return user_id, made.secret
