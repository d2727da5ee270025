"""The command line and the environment of every git here: nothing of a repository is run as code."""

import os
from collections.abc import Sequence
from pathlib import Path

_SAFE = (
    # A repository's hooks, monitors and helpers are programs somebody else wrote.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.alternateRefsCommand=true",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    # Nothing may go on in the background after the command that was waited for.
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "init.defaultBranch=main",
    "advice.detachedHead=false",
)


def git_command(args: Sequence[str], config: Sequence[str]) -> list[str]:
    """The command line, under the settings every git here runs with and further ones."""
    return ["git", *(part for setting in (*_SAFE, *config) for part in ("-c", setting)), *args]


def environment_of_git(home: Path, ssh_key: Path | None = None) -> dict[str, str]:
    """What git gets besides a PATH: it reads nobody's settings, asks nobody, offers no key but `ssh_key`."""
    return {
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        # An agent may have put other commits in the place of some: whether a push loses what the remote
        # has, and what another task begins with, is judged by what is really pushed and fetched.
        "GIT_NO_REPLACE_OBJECTS": "1",
        # A setting could be overruled by one for the single protocol; this cannot.
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_SSH_VARIANT": "ssh",
        "GIT_SSH_COMMAND": _ssh(home, ssh_key),
    }


def ceiling(folder: Path) -> dict[str, str]:
    """Without a ceiling git would take a repository around the folder for the one meant."""
    return {"GIT_CEILING_DIRECTORIES": str(folder.parent)}


def _ssh(home: Path, key: Path | None) -> str:
    # ssh looks for keys in the home of the account, whatever HOME says: it must be told not to.
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": "15",
        "IdentityAgent": "none",
        "IdentitiesOnly": "yes",
        "IdentityFile": f'"{key}"' if key else "none",
        "UserKnownHostsFile": f'"{home / "known_hosts"}"',
        "StrictHostKeyChecking": "accept-new",
    }
    given = " ".join(f"-o '{name}={value}'" for name, value in options.items())
    return f"ssh -F /dev/null {given}"
