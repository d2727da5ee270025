"""Captured patches, contents and blobs."""

import pytest

from events.fact import Blob
from events.ids import MessageId, Timestamp
from events.task_files import ChangedFile
from events.transcript import Entry
from tests import facts
from tests.query_api.house import House, problem

LARGE = b"x" * 300_000
BYTES = b"\x89PNG\r\n\x1a\n\xff"


@pytest.fixture
async def blobs(house: House) -> dict[str, Blob]:
    """A task whose files were captured; the blobs its facts refer to."""
    stored = {
        "diff": await house.store.put_blob(b"+large\n"),
        "content": await house.store.put_blob(LARGE),
        "bytes": await house.store.put_blob(BYTES),
        "said": await house.store.put_blob(b"a long story"),
    }
    files = (
        ChangedFile(
            path="a.py", kind="modified", added=1, removed=0, diff="+a", content="print()\n"
        ),
        ChangedFile(
            path="large.txt",
            kind="added",
            added=1,
            removed=0,
            diff_blob=stored["diff"],
            content_blob=stored["content"],
        ),
        ChangedFile(
            path='bilder/ü "1".png',
            kind="added",
            added=0,
            removed=0,
            binary=True,
            content_blob=stored["bytes"],
        ),
        ChangedFile(path="gone.py", kind="deleted", added=0, removed=3, diff="-gone\n"),
        ChangedFile(path="tab\tline\n", kind="added", added=1, removed=0, diff="+1", content="1\n"),
        ChangedFile(path="empty.py", kind="added", added=0, removed=0, diff="", content=""),
    )
    said = Entry(sender="agent", kind="tool_call", at=Timestamp(1), blob=stored["said"])
    await house.happen(
        facts.commit(facts.files_captured(files=files)),
        facts.commit(facts.entries_appended(said)),
    )
    return stored


async def test_a_patch_is_read_as_it_was_captured(house: House, blobs: dict[str, Blob]) -> None:
    small = await house.get("/v1/diffs/task_1?path=a.py")
    large = await house.get("/v1/diffs/task_1?path=large.txt")

    assert (small.text, large.text) == ("+a", "+large\n")
    assert small.headers["content-type"] == "text/x-diff; charset=utf-8"


async def test_a_name_with_a_tab_and_a_newline_is_one_like_any_other(
    house: House, blobs: dict[str, Blob]
) -> None:
    patch = await house.get("/v1/diffs/task_1?path=tab%09line%0A")
    content = await house.get("/v1/files/task_1/content?path=tab%09line%0A")
    nothing = await house.get("/v1/files/task_1/content?path=a%00b")

    assert (patch.text, content.text) == ("+1", "1\n")
    assert content.headers["content-disposition"] == "inline; filename*=UTF-8''tab%09line%0A"
    assert nothing.status_code == 400


async def test_without_a_path_all_patches_come_one_after_the_other(
    house: House, blobs: dict[str, Blob]
) -> None:
    answer = await house.get("/v1/diffs/task_1")

    assert answer.text == "+a\n-gone\n+large\n+1\n"
    assert answer.headers["content-type"] == "text/x-diff; charset=utf-8"


async def test_a_task_without_changes_has_an_empty_patch(house: House) -> None:
    answer = await house.get("/v1/diffs/task_1")

    assert (answer.status_code, answer.text) == (200, "")


async def test_contents_are_text_or_bytes_and_nothing_else(
    house: House, blobs: dict[str, Blob]
) -> None:
    text = await house.get("/v1/files/task_1/content?path=a.py")
    large = await house.get("/v1/files/task_1/content?path=large.txt")
    empty = await house.get("/v1/files/task_1/content?path=empty.py")
    data = await house.get("/v1/files/task_1/content?path=bilder/ü%20%221%22.png")

    assert (text.text, large.content, empty.content) == ("print()\n", LARGE, b"")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in text.headers["content-security-policy"]
    assert data.content == BYTES
    assert data.headers["content-type"] == "application/octet-stream"
    assert (
        data.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC%20%221%22.png"
    )


async def test_captured_files_are_sent_again_only_after_a_change(
    house: House, blobs: dict[str, Blob]
) -> None:
    for path in ("/v1/diffs/task_1", "/v1/files/task_1/content?path=a.py"):
        tag = (await house.get(path)).headers["etag"]

        assert (await house.get(path, if_none_match=tag)).status_code == 304

    for path in ("/v1/diffs/task_1?path=none", "/v1/files/task_1/content?path=none"):
        problem(await house.get(path, if_none_match=tag), 404, "not_found")

    await house.happen(facts.commit(facts.files_captured(tree_id="t2")))

    assert (await house.get("/v1/diffs/task_1", if_none_match=tag)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/diffs/task_1?path=unknown.py",
        "/v1/diffs/task_2",
        "/v1/diffs/nothing",
        "/v1/files/task_1/content?path=gone.py",
        "/v1/files/task_1/content?path=../../etc/passwd",
        "/v1/files/task_1/content?path=unknown.py",
        "/v1/files/task_2/content?path=a.py",
    ],
)
async def test_what_was_not_captured_is_not_found(
    house: House, blobs: dict[str, Blob], path: str
) -> None:
    problem(await house.get(path), 404, "not_found")


async def test_what_was_too_large_says_so(house: House, blobs: dict[str, Blob]) -> None:
    huge = ChangedFile(path="huge.txt", kind="added", added=9, removed=0)
    deleted = ChangedFile(path="old.txt", kind="deleted", added=0, removed=9)
    await house.happen(
        facts.commit(
            facts.tree_changed(put=("huge.txt",)),
            facts.files_captured(tree_id="t2", files=(huge, deleted)),
        )
    )

    patch = problem(await house.get("/v1/diffs/task_1?path=huge.txt"), 404, "not_found")
    content = problem(await house.get("/v1/files/task_1/content?path=huge.txt"), 404, "not_found")
    gone = problem(await house.get("/v1/files/task_1/content?path=old.txt"), 404, "not_found")

    assert "too long to be captured" in patch["detail"]
    assert "too large to be captured" in content["detail"]
    assert "deleted" in gone["detail"]


@pytest.mark.parametrize("query", ["", "?path=", "?path=a%00b", "?path=" + "x" * 5000])
async def test_a_content_needs_a_path(house: House, query: str) -> None:
    problem(await house.get(f"/v1/files/task_1/content{query}"), 400, "malformed")


async def test_a_blob_is_for_those_who_see_what_refers_to_it(
    house: House, blobs: dict[str, Blob]
) -> None:
    for blob, content in (("said", b"a long story"), ("content", LARGE), ("diff", b"+large\n")):
        path = f"/v1/blobs/{blobs[blob].id}"

        assert (await house.get(path)).content == content
        problem(await house.get(path, token="usr_eve"), 404, "not_found")


async def test_a_blob_may_be_asked_for_by_what_refers_to_it(
    house: House, blobs: dict[str, Blob]
) -> None:
    path = f"/v1/blobs/{blobs['said'].id}"

    assert (await house.get(f"{path}?session_id=ses_1")).status_code == 200
    for wrong in ("session_id=ses_2", "task_id=task_1", "session_id=%3E"):
        problem(await house.get(f"{path}?{wrong}"), 404, "not_found")


async def test_a_blob_may_be_kept_for_ever(house: House, blobs: dict[str, Blob]) -> None:
    path = f"/v1/blobs/{blobs['bytes'].id}"
    answer = await house.get(path)

    again = await house.get(path, if_none_match=answer.headers["etag"])

    assert answer.headers["content-type"] == "application/octet-stream"
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]
    assert again.status_code == 304
    # A cache takes what a 304 says for the new word on what it keeps.
    assert again.headers["cache-control"] == answer.headers["cache-control"]


async def test_a_blob_nothing_refers_to_is_not_found(house: House) -> None:
    orphan = await house.store.put_blob(b"nobody's")
    claimed = Entry(
        sender="agent",
        kind="message",
        at=Timestamp(1),
        message_id=MessageId("msg_1"),
        payload={"blob": {"id": orphan.id, "size": orphan.size}},
    )
    await house.happen(facts.commit(facts.entries_appended(claimed)))

    for id in (orphan.id, "0" * 64, "nothing", orphan.id.upper(), "%00"):
        problem(await house.get(f"/v1/blobs/{id}"), 404, "not_found")
    problem(await house.get(f"/v1/blobs/{orphan.id}?session_id=ses_1"), 404, "not_found")
