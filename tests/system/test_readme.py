"""The README's tour does what the README says, word for word."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.system.node_process import NodeProcess

ROOT = Path(__file__).parent.parent.parent
END = "\x04\n"

pytestmark = pytest.mark.xdist_group("readme")

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def told(system: NodeProcess) -> list[str]:
    """What each block of the tour printed, all typed into one shell."""
    blocks = _BLOCK.findall((ROOT / "README.md").read_text())
    done = subprocess.run(
        ["bash", "-u", "-c", "".join(f"{block}printf '\\004\\n'\n" for block in blocks)],
        cwd=ROOT,
        env={**system.environment(), "URL": system.address},
        capture_output=True,
        timeout=90,
        check=False,
    )
    # Streams are left by a time limit, which curl calls an error.
    complaints = [line for line in done.stderr.decode().splitlines() if "(28)" not in line]
    assert not complaints
    told = done.stdout.decode().split(END)
    assert len(told) == len(blocks) + 1
    return told


def test_no_command_of_the_tour_is_refused(told: list[str]) -> None:
    assert not [text for text in told if "/problems/" in text]
    assert all(told[:-1])


def test_the_server_is_alive(told: list[str]) -> None:
    assert '"status":"alive"' in told[0]


def test_a_task_is_answered_at_once_with_its_ids(told: list[str]) -> None:
    assert re.fullmatch(r"org_\w+ repo_\w+\n", told[1])
    assert '"task_created"' in told[2]
    assert '"job_id"' in told[2]


def test_the_stream_shows_stages_transcript_and_files(told: list[str]) -> None:
    for word in ("event: hello", "event: ready", "session_created", '"text":"hello', "hello.txt"):
        assert word in told[3]


def test_views_and_diffs_show_the_same(told: list[str]) -> None:
    assert '"status":"idle"' in told[4]
    assert "+hello" in told[4]


def test_the_second_answer_is_the_first(told: list[str]) -> None:
    first, second = told[5].splitlines()

    assert first == second
    assert '"message_queued"' in first


def test_what_was_missed_comes_as_a_change(told: list[str]) -> None:
    assert '"kind":"resume"' in told[6]
    assert "Said hello" in told[6]
    assert "event: snapshot" not in told[6]


def test_history_and_why_name_the_rename(told: list[str]) -> None:
    assert "task_renamed" in told[7]
    assert '"task.rename"' in told[7]


def test_the_task_is_put_away(told: list[str]) -> None:
    assert '"task_archive_requested"' in told[8]
