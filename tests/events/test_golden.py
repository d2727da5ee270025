"""Every shape of event that was ever stored still decodes.

`tests/golden/<tag>.json` holds one stored commit for each event. A new event gets its file with
`pytest tests/events/test_golden.py --write-golden`; a later shape of an old one is written by hand
beside the first as `<tag>.<format>.json`, one with a field that came later as `<tag>.<field>.json`,
and one with all the words a field may have as `<tag>.words.json`. Files are never changed: they
stand for what is in logs.
"""

from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from events.codec import decode, encode
from events.commit import FORMAT, CommandRef, Commit, tag_of
from events.ids import OrganizationId, Timestamp
from tests.events.event_shapes import EVENT_TYPES, full_example, full_examples, tag_of_type

FOLDER = Path(__file__).parent.parent / "golden"
FILES = sorted(FOLDER.glob("*.json"))


def sample(event_type: type[Struct]) -> Commit:
    return msgspec.structs.replace(
        Commit(
            at=Timestamp(1_700_000_000_000),
            actor="usr_golden",
            events=(),
            organization_id=OrganizationId("org_golden"),
            command=CommandRef(id="key", name="golden.write", digest="00"),
            correlation_id="request",
            ids={"task_id": "task_golden"},
        ),
        events=(full_example(event_type),),
    )


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=tag_of_type)
def test_every_event_has_a_golden_file(
    event_type: type[Struct], request: pytest.FixtureRequest
) -> None:
    file = FOLDER / f"{tag_of_type(event_type)}.json"
    if request.config.getoption("--write-golden") and not file.exists():
        file.write_bytes(encode(sample(event_type)) + b"\n")

    assert file.exists(), "run pytest tests/events/test_golden.py --write-golden"


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=tag_of_type)
def test_every_field_and_every_word_stands_in_a_golden_file(event_type: type[Struct]) -> None:
    stored = [
        event
        for file in FOLDER.glob(f"{tag_of_type(event_type)}.*")
        for event in decode(file.read_bytes()).events
    ]

    for example in full_examples(event_type):
        assert example in stored, "it came later: write it by hand, see above"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_golden_file_still_decodes(file: Path) -> None:
    commit = decode(file.read_bytes())

    assert {tag_of(event) for event in commit.events} == {file.name.partition(".")[0]}
    assert commit.format == FORMAT
    assert decode(encode(commit)) == commit


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_that_was_stored_is_lost_by_decoding(file: Path) -> None:
    stored = msgspec.json.decode(file.read_bytes())
    if stored.get("format", 1) == FORMAT:
        assert msgspec.json.decode(encode(decode(file.read_bytes()))) == stored
