"""`make mutations`: breaks the project on purpose, one small patch at a time, and shows that each is found out.

Each patch says in its first two lines what it breaks and which program has to notice: a module of Python, or `node`.
That program must be content with the project as it is, and must not be with the patch. A patch that does not apply
any more shows nothing, and counts as missed.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PATCHES = Path(__file__).parent / "mutations"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "data", "node_modules", "*.egg-info")
WITHIN = 900.0


class Mutation(NamedTuple):
    name: str
    patch: Path
    what: str
    caught_by: str


class Verdict(NamedTuple):
    content: bool
    said: str
    seconds: float


def mutations(names: list[str]) -> Iterator[Mutation]:
    """Those that are named, else all."""
    for patch in sorted(PATCHES.glob("*.patch")):
        what, caught_by = patch.read_text().split("\n", 2)[:2]
        if not names or patch.stem in names:
            yield Mutation(
                patch.stem,
                patch,
                what.removeprefix("What: "),
                caught_by.removeprefix("Caught by: "),
            )


@contextmanager
def copy_of_the_project() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        yield copy


def run(copy: Path, command: str) -> Verdict:
    """What a program of the project thinks of a copy."""
    began = time.monotonic()
    words = shlex.split(command)
    done = subprocess.run(
        words if words[0] == "node" else [sys.executable, "-m", *words],
        cwd=copy,
        # What it writes down about a failure is gone with the copy.
        env={
            **os.environ,
            "PYTHONPATH": f"{copy}:{copy / 'clients' / 'python'}",
            "TMPDIR": str(copy.parent),
        },
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return Verdict(done.returncode == 0, lines[-1] if lines else "", time.monotonic() - began)


def break_it(copy: Path, patch: Path, *, only_look: bool = False) -> str:
    """Apply a patch, or look whether it would; what git has against it, nothing if it applies."""
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *(["--check"] if only_look else []), str(patch)],
        cwd=copy,
        # A folder above that is a repository has nothing to do with this.
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip()


def stale(chosen: list[Mutation]) -> list[str]:
    """A sentence for each patch that does not apply to the project as it is."""
    with copy_of_the_project() as copy:
        found = {one.name: break_it(copy, one.patch, only_look=True) for one in chosen}
    return [f"{name} does not apply any more: {why}" for name, why in found.items() if why]


def main() -> int:
    chosen = list(mutations(sys.argv[1:]))
    if sentences := stale(chosen):
        # Found in a second, and not after the half hour of the others.
        print("\n".join(sentences))
        return 1
    content: dict[str, Verdict] = {}
    missed = 0
    for mutation in chosen:
        if mutation.caught_by not in content:
            with copy_of_the_project() as copy:
                content[mutation.caught_by] = run(copy, mutation.caught_by)
        with copy_of_the_project() as copy:
            break_it(copy, mutation.patch)
            broken = run(copy, mutation.caught_by)
        caught = content[mutation.caught_by].content and not broken.content
        missed += not caught
        print(f"{mutation.name}: {mutation.what}")
        print(f"  {'caught' if caught else 'MISSED'} by {mutation.caught_by}")
        print(f"  as it is  {content[mutation.caught_by].said}")
        print(f"  broken    {broken.said}  ({broken.seconds:.0f} s)", flush=True)
    print(f"mutations {len(chosen)} caught {len(chosen) - missed} missed {missed}")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
