"""The command line. Each command is a module of its own, imported when it is asked for."""

import argparse
import asyncio
import errno
import io
import os
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import TypeAlias

import uvloop

from events.store import LostTail
from foundry import __version__, data_folder
from foundry.data_folder import DataFolderInUse, DataFolderUnusable
from runtime import logs
from runtime.damage import is_damaged
from runtime.errors import FoundryError
from runtime.open_files import open_standard_streams
from runtime.settings import BadSetting, Settings, load
from runtime.storage_errors import HELD_BY_ANOTHER, primary_code, storage_refusal

Command = Callable[[Settings, argparse.Namespace], Awaitable[int]]

OF_THE_LIMITS = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})
"""Open files, processes, memory."""

READER_LEFT = 128 + signal.SIGPIPE
"""As shells have it of a program that its reader ended."""

ROLES = ("commands", "read", "workers")
NAMED = "one of those that `foundry verify` lists"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; the process's status is 0 only on success."""
    open_standard_streams()
    _print_by_the_line()
    options = _parser().parse_args(arguments)
    try:
        settings = load()
        command: Command = getattr(import_module(options.module), options.function)
        status = uvloop.run(_run(command, settings, options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        status = 130
    except BrokenPipeError:
        # It (`head`, `less`) has seen enough; what was to be done may not be.
        status = READER_LEFT
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"foundry: {sentence}", file=sys.stderr)
        status = 1
    _forget_what_was_not_taken()
    sys.exit(status)


def _print_by_the_line() -> None:
    """So that a pipe or a file has each line at once, and one that cannot be written is known while there is somebody to say it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


def _forget_what_was_not_taken() -> None:
    """Python would try once more at its end, complain, and change the status to 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


async def _run(command: Command, settings: Settings, options: argparse.Namespace) -> int:
    # A person reads what these print; `serve` configures its own logs.
    logs.configure("warning" if settings.log_level == "info" else settings.log_level)
    folder = settings.data_folder
    begins = options.reads and settings.nats_url is None and not data_folder.has_log(folder)
    if begins and data_folder.holder(folder) is None:
        # Perhaps its name was mistyped.
        print(
            f"foundry: FOUNDRY_DATA is {folder.absolute()}, where no log was until now; one is begun there.",
            file=sys.stderr,
        )
    return await command(settings, options)


def _sentence(error: Exception) -> str | None:
    """What went wrong, for a person; None for what nobody expected."""
    match error:
        case BadSetting() | DataFolderInUse() | DataFolderUnusable():
            return str(error)
        case FoundryError():
            return error.detail
        case LostTail():
            return "The log was cut meanwhile, and what was read last is not in it any more; begin again."
        case ExceptionGroup():
            sentences = [_sentence(one) for one in error.exceptions]
            return None if None in sentences else sentences[0]
        case PermissionError() if error.filename:
            return (
                f"This user may not use {error.filename} ({error.strerror}); run as the user who"
                " owns the data folder, or give them what is in it."
            )
        case OSError() if error.errno in OF_THE_LIMITS:
            return (
                f"The system gives this process no more ({error.strerror}); raise its limits"
                " (`ulimit -a`, those of its container or service), and try again."
            )
        case IsADirectoryError() | NotADirectoryError() | FileExistsError() if error.filename:
            return (
                f"{error.filename} is in the way ({error.strerror}); move it elsewhere, or set"
                " FOUNDRY_DATA to another folder."
            )
        case sqlite3.DatabaseError() if is_damaged(error):
            return (
                f"A file in the data folder is damaged ({error}) and was taken away; the next start"
                " makes it anew from the log."
            )
        case sqlite3.Error() if primary_code(error) == sqlite3.SQLITE_CANTOPEN:
            # SQLite does not say why.
            return (
                f"A file of the data folder cannot be opened ({error}): the disk takes nothing, or this"
                " process may open no more files. Make room, or raise that limit (`ulimit -n`), and try again."
            )
        case sqlite3.Error() if primary_code(error) in HELD_BY_ANOTHER:
            return (
                f"Another process holds a file of the data folder ({error}); end that one, or wait for"
                " it, and try again."
            )
    refusal = storage_refusal(error)
    return (
        f"The disk takes nothing ({refusal}); make room, or let it be written, and try again."
        if refusal
        else None
    )


def _position(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no position of the log")
    return int(text)


def _role(text: str) -> str:
    if text not in ROLES:
        raise argparse.ArgumentTypeError(f"{text!r} is no role; there are {', '.join(ROLES)}")
    return text


def _speaks_json(parser: argparse.ArgumentParser) -> None:
    # No default: that of a subcommand would take back what was said before its name.
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print JSON lines for machines",
    )


READ_A_LOG = frozenset({"rebuild", "verify", "history", "tail", "replay", "restored"})
"""Commands that are of no use where there is no log yet, besides the decisions about poison."""


Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="foundry", description="The backend of a workbench for coding agents."
    )
    parser.add_argument("--version", action="version", version=f"foundry {__version__}")
    parser.set_defaults(json=False, reads=False)
    _speaks_json(parser)
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_serving(commands)
    _add_people(commands)
    _add_projections(commands)
    _add_audit_trail(commands)
    _add_poison(commands)
    _add(
        commands,
        "restored",
        "foundry.restored",
        "Say that the log was put back from a backup, so that nobody goes on from what was lost.",
    )
    _add(commands, "doctor", "foundry.doctor", "Look for what is wrong and say how to mend it.")
    return parser


def _add(commands: Subcommands, name: str, module: str, sentence: str) -> argparse.ArgumentParser:
    """A command that the function of its name in `module` runs."""
    command = commands.add_parser(name, help=sentence, description=sentence)
    command.set_defaults(module=module, function=name, reads=name in READ_A_LOG)
    _speaks_json(command)
    return command


def _add_serving(commands: Subcommands) -> None:
    serve = _add(commands, "serve", "foundry.serve", "Run everything, or the roles that are named.")
    serve.add_argument("roles", nargs="*", type=_role, metavar="role", help=", ".join(ROLES))
    demo = _add(
        commands, "demo", "foundry.demo", "Do the main job in this terminal on a real repository."
    )
    demo.add_argument(
        "--repository", metavar="PATH", help="a git repository; default: a clone of this one"
    )


def _add_people(commands: Subcommands) -> None:
    _add(commands, "token", "foundry.identity", "Print the owner's token.")
    user = commands.add_parser("user", help="Look after users.")
    _speaks_json(user)
    add = user.add_subparsers(required=True, metavar="action").add_parser(
        "add", help="Add a user and print their token."
    )
    add.set_defaults(module="foundry.identity", function="add_user")
    add.add_argument("name")
    _speaks_json(add)


def _add_projections(commands: Subcommands) -> None:
    rebuild = _add(commands, "rebuild", "foundry.rebuild", "Build a projection anew from the log.")
    rebuild.add_argument("projection", help=NAMED)
    verify = _add(
        commands, "verify", "foundry.rebuild", "Compare projections with a fold of the log."
    )
    verify.add_argument("projection", nargs="?", help=f"{NAMED}; default: all")


def _add_audit_trail(commands: Subcommands) -> None:
    module = "foundry.audit_trail"
    history = _add(commands, "history", module, "Print the audit trail of one aggregate.")
    history.add_argument("id", help="task_…, org_…, repo_…, job_…, usr_…, ses_… or log_events")
    tail = _add(commands, "tail", module, "Print commits as they come.")
    tail.add_argument(
        "--after",
        type=_position,
        metavar="POSITION",
        help="start behind this position; default: now",
    )
    replay = _add(commands, "replay", module, "Read the whole log once and count what is in it.")
    replay.add_argument("--after", type=_position, default=0, metavar="POSITION")


def _add_poison(commands: Subcommands) -> None:
    poison = commands.add_parser("poison", help="Decide about commits that cannot be read.")
    _speaks_json(poison)
    decisions = poison.add_subparsers(required=True, metavar="action")
    for action, sentence in (
        ("retry", "Have what waits of an aggregate folded once more."),
        ("skip", "Leave out one commit that cannot be read or folded."),
    ):
        decision = decisions.add_parser(action, help=sentence, description=sentence)
        decision.set_defaults(module="foundry.poison", function=action, reads=True)
        decision.add_argument("aggregate_id", metavar="ID", help="as `foundry doctor` names it")
        _speaks_json(decision)
        if action == "skip":
            decision.add_argument(
                "--position", type=_position, help="default: the first that cannot be decoded"
            )
