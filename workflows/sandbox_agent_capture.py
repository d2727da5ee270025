"""The folder through which git looks at a working tree on a sandbox-agent server."""

from pathlib import Path

from workflows.capture_folder import OLD_BYTES
from workflows.sandbox_agent_api import SandboxAgentApi

# The same as `LocalCaptureFolder` makes: its own settings, the repository's objects, the agent's index.
_PREPARE = """
folder=$1 objects=$2 tree=$3 old=$4
size=$(du -sk "$folder/objects" 2>/dev/null | cut -f 1)
if [ -e "$folder/begun" ]; then rm "$folder/begun"; echo "${size:-0}" >"$folder/needed"; fi
needed=$(cat "$folder/needed" 2>/dev/null)
begun=
if [ "${size:-0}" -gt $((old + 2 * ${needed:-0})) ]; then
    rm -f "$folder/HEAD" && rm -rf "$folder" || exit 1
    begun=yes
fi
if [ ! -e "$folder/HEAD" ]; then
    mkdir -p "$folder/objects/info" "$folder/refs" || exit 1
    printf '%s\\n' "$objects" > "$folder/objects/info/alternates"
    printf '[core]\\n\\trepositoryformatversion = 0\\n' > "$folder/config"
    printf 'ref: refs/heads/none\\n' > "$folder/HEAD"
fi
[ -z "$begun" ] || : >"$folder/begun"
rm -f "$folder/index.lock"
if [ -d "$tree/.git" ]; then git=$tree/.git; else git=$(sed -n 's/^gitdir: //p' "$tree/.git" 2>/dev/null); fi
[ -f "$git/index" ] || exit 0
source=$(ls -i --full-time "$git/index" 2>/dev/null)
if [ -z "$source" ] || [ "$source" != "$(cat "$folder/source" 2>/dev/null)" ]; then
    cp "$git/index" "$folder/index" && printf %s "$source" > "$folder/source"
fi
"""


class SandboxAgentCaptureFolder:
    def __init__(self, api: SandboxAgentApi, path: Path, *, tree: Path, objects: Path) -> None:
        self.path = path
        self._api = api
        self._tree = tree
        self._objects = objects

    async def prepare(self) -> None:
        """Make it, or make it anew when it holds too much that is old; take over the agent's index, if that changed."""
        old = str(OLD_BYTES >> 10)
        await self._api.shell(_PREPARE, str(self.path), str(self._objects), str(self._tree), old)

    async def drop_index(self) -> None:
        """Begin without an index."""
        await self._api.shell('rm -f "$1/index"', str(self.path))
