"""Command lines for a machine whose environment is not ours to hand on: they leave it behind."""

import re
from collections.abc import Collection, Mapping, Sequence

from workflows.processes import INHERITED

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Of a name given twice `env` takes the last: what is given wins over what is passed on.
_BARE = """
names=$1
shift
for name in $names; do
    eval "value=\\${$name-}"
    [ -z "$value" ] || set -- "$name=$value" "$@"
done
exec env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 "$@"
"""
# Not by `env` itself, which would take a command with a `=` in its name for a variable.
_EXEC = 'exec "$@"'


def bare_command(
    command: Sequence[str], *, env: Mapping[str, str], pass_on: Collection[str] = ()
) -> list[str]:
    """Run a command with `env` and, of the environment it finds, the few harmless variables and those of `pass_on`."""
    names = " ".join(name for name in (*INHERITED, *pass_on) if _NAME.fullmatch(name))
    variables = [f"{name}={value}" for name, value in env.items()]
    return ["sh", "-c", _BARE, "sh", names, *variables, "sh", "-c", _EXEC, "sh", *command]
