"""The git state of a working tree as a value: a tree id, what differs from the base, and the list of files.

Git looks at the working tree through a folder of its own (settings, index, new objects), so neither
the agent's index nor its settings, hooks and filters take part, and nothing it sees is changed.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from events.task_files import CONTENT_BYTES, PATCH_BYTES, TOTAL_BYTES, TreeFile
from workflows.diff_output import ChangedEntry, PatchSplitter, changed_entries, shown_path
from workflows.git import Finished, GitFailed, RunsGit
from workflows.records import Records
from workflows.sandbox import Captured, CapturedFile

FILES = 3_000
"""At most this many differences are listed; more come from a dependency folder nobody told git to ignore."""

TREE_FILES = 50_000
CAPTURE_SECONDS = 120.0


class CaptureFolder(Protocol):
    """Where git keeps what it needs to look at a working tree: settings, an index, new objects."""

    @property
    def path(self) -> Path: ...

    async def prepare(self) -> None:
        """Make it, or make it anew when it holds too much that is old; take over the agent's index, if that changed."""

    async def drop_index(self) -> None:
        """Begin without an index."""


class Capturer:
    """Captures one working tree through a folder of its own."""

    def __init__(self, git: RunsGit, *, tree: Path, folder: CaptureFolder) -> None:
        self._git = git
        self._tree = tree
        self._folder = folder
        self._alone = asyncio.Lock()

    async def capture(self, *, base: str, unless: str | None) -> Captured | None:
        """The files as they are now; None if their tree is `unless`. Raises `GitFailed`."""
        async with self._alone:
            await self._folder.prepare()
            tree_id = await self._write_tree()
            if tree_id == unless:
                return None
            entries = await self._differences(base, tree_id)
            listed = entries[:FILES]
            tree, sizes, tree_omitted = await self._listing(tree_id, listed)
            patches = await self._patches(base, tree_id, entries)
            contents = await self._contents(listed, sizes)
        return Captured(
            base=base,
            tree_id=tree_id,
            files=tuple(
                CapturedFile(
                    path=entry.path,
                    kind=entry.kind,
                    source=entry.source,
                    added=entry.added,
                    removed=entry.removed,
                    binary=entry.binary,
                    patch=patch,
                    content=contents.get(entry.blob) if entry.kind != "deleted" else None,
                )
                for entry, patch in zip(listed, patches, strict=True)
            ),
            tree=tree,
            omitted=len(entries) - len(listed),
            tree_omitted=tree_omitted,
        )

    async def _write_tree(self) -> str:
        try:
            await self._add_all()
        except GitFailed:
            # An index that only its own repository can read (a split one): start without.
            await self._folder.drop_index()
            await self._add_all()
        return (await self._run("write-tree")).output.decode().strip()

    async def _add_all(self) -> None:
        # Adding what git knows for a repository has it look inside, under settings an agent wrote there.
        inside = await self._repositories_inside()
        apart = [f":(exclude,literal){path}" for path in inside]
        # 1: some file could not be read or is a repository without a commit; all others are in.
        add = ("add", "--all", "--ignore-errors", "--", ".", *apart)
        try:
            await self._run(*add, accept=(0, 1))
        except GitFailed:
            encoded = await self._changed_with_an_encoding()
            if not encoded:
                raise
            but = [f":(exclude,literal){os.fsdecode(path)}" for path in encoded]
            await self._run(*add, *but, accept=(0, 1))
            await self._add_as_they_are(encoded)
        if inside:
            await self._run("update-index", "--remove", "--", *inside)

    async def _changed_with_an_encoding(self) -> list[bytes]:
        """The changed files of which the attributes say that they are not UTF-8: where one of them is, git adds none at all."""
        listed = await self._run(
            *("ls-files", "-z", "-t", "--modified", "--deleted", "--others", "--exclude-standard")
        )
        found = [record.partition(b" ")[::2] for record in listed.output.split(b"\0") if record]
        removed = {path for tag, path in found if tag == b"R"}
        there = dict.fromkeys(path for _, path in found if path not in removed)
        asked = ("check-attr", "-z", "--stdin", "working-tree-encoding")
        told = await self._run(*asked, stdin=b"".join(path + b"\0" for path in there))
        fields = told.output.split(b"\0")
        return [
            path
            for path, value in zip(fields[::3], fields[2::3], strict=False)
            if value not in _UTF8
        ]

    async def _add_as_they_are(self, paths: Sequence[bytes]) -> None:
        """Add what git cannot convert. It has no times in the index, so that the next capture looks at it anew."""
        named = b"\0".join(paths)
        which = ("--literal-pathspecs", "add", "--pathspec-from-file=-", "--pathspec-file-nul")
        await self._run(*which, "--intent-to-add", stdin=named)
        # Each with its kind, as it lies there.
        listed = (await self._run("diff-files", "-z", "--raw")).output.split(b"\0")
        kinds = {
            path: about.split()[1] for about, path in zip(listed[::2], listed[1::2], strict=False)
        }
        files = [path for path in paths if kinds.get(path, _LINK) != _LINK]
        links = [path for path in paths if kinds.get(path) == _LINK]
        names = b"".join(_quoted(path) + b"\n" for path in files)
        hashed = await self._run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names)
        entries = (
            b"%b %b\t%b\0" % (kinds[path], blob, path)
            for path, blob in zip(files, hashed.output.split(), strict=True)
        )
        await self._run("update-index", "-z", "--index-info", stdin=b"".join(entries))
        if links:
            await self._run(*which, stdin=b"\0".join(links))

    async def _repositories_inside(self) -> list[str]:
        inside: list[str] = []

        def take(record: bytes) -> None:
            about, _, path = record.partition(b"\t")
            if about.startswith(_REPOSITORY):
                inside.append(os.fsdecode(path))

        await self._run("ls-files", "-z", "--stage", into=Records(take).feed)
        return list(dict.fromkeys(inside))

    async def _differences(self, base: str, tree_id: str) -> list[ChangedEntry]:
        both = await self._run(*_DIFF, *("--raw", "--no-abbrev", "--numstat", "-z"), base, tree_id)
        return changed_entries(both.output)

    async def _patches(
        self, base: str, tree_id: str, entries: list[ChangedEntry]
    ) -> list[str | None]:
        wanted = entries[:FILES]
        splitter = PatchSplitter(
            [entry.patches for entry in wanted], each=PATCH_BYTES, total=TOTAL_BYTES
        )
        if wanted:
            await self._run(*_DIFF, *("--patch", "--full-index", base, tree_id), into=splitter.feed)
        return splitter.finish()

    async def _contents(
        self, entries: list[ChangedEntry], sizes: dict[str, int]
    ) -> dict[str, bytes]:
        wanted: dict[str, int] = {}
        total = 0
        for entry in entries:
            size = sizes.get(entry.blob)
            if size is not None and size <= CONTENT_BYTES and entry.blob not in wanted:
                total += size
                if total > TOTAL_BYTES:
                    break
                wanted[entry.blob] = size
        if not wanted:
            return {}
        names = "".join(f"{blob}\n" for blob in wanted).encode()
        answer = (await self._run("cat-file", "--batch", stdin=names)).output
        contents: dict[str, bytes] = {}
        at = 0
        for blob, size in wanted.items():
            at = answer.index(b"\n", at) + 1
            contents[blob] = answer[at : at + size]
            at += size + 1
        return contents

    async def _listing(
        self, tree_id: str, entries: Sequence[ChangedEntry]
    ) -> tuple[tuple[TreeFile, ...], dict[str, int], int]:
        """The files of a tree by path, the sizes of the contents of some entries by their names, and how many files are left out."""
        blobs = {entry.blob for entry in entries}
        files: list[TreeFile] = []
        sizes: dict[str, int] = {}
        omitted = 0

        def take(record: bytes) -> None:
            nonlocal omitted
            about, _, path = record.partition(b"\t")
            if len(fields := about.split()) == 4 and fields[1] == b"blob":
                blob, size = fields[2].decode(), int(fields[3])
                if blob in blobs:
                    sizes[blob] = size
                if len(files) < TREE_FILES:
                    files.append(TreeFile(path=shown_path(path), size=size))
                else:
                    omitted += 1

        await self._run("ls-tree", "-r", "-z", "--long", tree_id, into=Records(take).feed)
        return tuple(files), sizes, omitted

    async def _run(
        self,
        *args: str,
        stdin: bytes = b"",
        accept: tuple[int, ...] = (0,),
        into: Callable[[bytes], None] | None = None,
    ) -> Finished:
        return await self._git.run(
            *args,
            folder=self._tree,
            env={"GIT_DIR": str(self._folder.path), "GIT_WORK_TREE": str(self._tree)},
            config=_CONFIG,
            stdin=stdin,
            accept=accept,
            deadline=CAPTURE_SECONDS,
            into=into,
        )


def _quoted(path: bytes) -> bytes:
    """A path as git reads it where each has a line of its own."""
    for plain, escaped in ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n")):
        path = path.replace(plain, escaped)
    return b'"%b"' % path


_UTF8 = (b"unspecified", b"unset")
_REPOSITORY = b"160000 "
_LINK = b"120000"
_DIFF = ("diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color")
_CONFIG = (
    # Text so long is compared as if it were binary.
    "core.bigFileThreshold=16m",
    "advice.addEmbeddedRepo=false",
    "core.safecrlf=false",
)
