"""What people send, which is anything: a command, or `Invalid`; never another error, and never for long."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from commands.bodies import batch_line_of, command_id_of, command_of
from commands.catalog import CATALOG
from commands.versions import expectation_of
from runtime.errors import Invalid

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(
        ("task_1", "org_1", "ask", "owner", "\u2028", "a\n", "\x00", "HEAD", "SIGINT")
    )
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(sorted(CATALOG))
ODD_BYTES = st.sampled_from(
    (b"", b"{", b'{"a":1,"a":2}', b"[" * 3000, b'{"name":"\\ud800"}', b'"\xff"', b"9" * 5000)
)


@st.composite
def near_bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A command with bodies that have its own fields, and now and then another."""
    name = draw(NAMES)
    fields = [field.encode_name for field in msgspec.structs.fields(CATALOG[name])]
    body = draw(st.dictionaries(st.sampled_from([*fields, "other"]), JSON, max_size=len(fields)))
    return name, json.dumps(body).encode()


@given(near_bodies() | st.tuples(NAMES, st.binary(max_size=40) | ODD_BYTES))
def test_any_body_is_a_command_or_is_refused_with_a_pointer(case: tuple[str, bytes]) -> None:
    name, body = case
    try:
        command = command_of(name, body)
    except Invalid as error:
        for place in error.errors:
            assert place.pointer == "" or place.pointer.startswith("/")
            assert "//" not in place.pointer or '""' in body.decode()
        return
    assert command_of(name, msgspec.json.encode(command)) == command


LINES = st.dictionaries(st.sampled_from(("name", "data", "command_id", "x")), JSON, max_size=4)


@given(LINES.map(lambda line: json.dumps(line).encode()) | st.binary(max_size=40) | ODD_BYTES)
def test_any_line_of_a_batch_is_a_line_or_is_refused(body: bytes) -> None:
    with suppress(Invalid):
        line = batch_line_of(body)
        assert isinstance(line.name, str)


@given(st.text(max_size=50) | st.uuids().map(str) | st.uuids().map(lambda key: f'"{key}"'))
@example("{0189d6a0-7b5e-7c3e-8f0a-5d3c2b1a0f9e}")
def test_any_key_is_a_uuid_or_is_refused(key: str) -> None:
    with suppress(Invalid):
        found = command_id_of(key)
        assert found is not None
        assert command_id_of(found) == found


TAGS = st.sampled_from(('"a.7"', 'W/"a.b-2.19"', "*", "7", ",", '"', "9" * 5000, '"x.-1"', "\xff"))


@given(st.lists(st.text(max_size=8) | TAGS, max_size=6).map(" ".join), st.none() | st.text())
def test_any_if_match_asks_for_versions_or_for_nothing(line: str, cut: str | None) -> None:
    expectation: Any = expectation_of(line, cut=cut)

    assert all(0 <= version < 10**19 for version in expectation.versions)


@pytest.mark.parametrize(
    ("title", "said"),
    [
        (rb"a\ud83d", "half of a surrogate pair"),
        (rb"\ude00 a", "half of a surrogate pair"),
        (b"a\xe9", r"not UTF-8 \(byte 33\)"),
        (b"\xed\xa0\x80", r"not UTF-8 \(byte 32\)"),
        (rb"a\q", "invalid escape"),
    ],
)
def test_a_text_that_is_none_is_told_why(title: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        command_of("task.rename", b'{"task_id": "task_1", "title": "' + title + b'"}')


def test_a_path_may_have_any_character_but_nul() -> None:
    def revert(path: str) -> bytes:
        return json.dumps({"task_id": "task_1", "path": path}).encode()

    command = command_of("task.revert_file", revert("tab\tline\n"))

    assert getattr(command, "path", "") == "tab\tline\n"
    with pytest.raises(Invalid):
        command_of("task.revert_file", revert("a\0b"))


@pytest.mark.parametrize(
    "model",
    [
        "sonnet[1m]",
        "gpt-5 (high)",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        "m" * 200,
    ],
)
def test_a_model_is_called_what_its_agent_calls_it(model: str) -> None:
    session = {"task_id": "task_1", "session_id": "ses_1"}
    bodies = {
        "task.create": {"repository_id": "repo_1", "prompt": "true", "model": model},
        "agent_session.create": {"task_id": "task_1", "model": model},
        "agent_session.change_model": {**session, "model": model},
        "organization.update": {"organization_id": "org_1", "default_model": model},
    }

    for name, body in bodies.items():
        command_of(name, json.dumps(body).encode())


@pytest.mark.parametrize("model", ["a\nb", " ", "m" * 201])
def test_a_model_is_one_line(model: str) -> None:
    task = {"repository_id": "repo_1", "prompt": "true", "model": model}
    organization = {"organization_id": "org_1", "default_model": model}

    with pytest.raises(Invalid, match="at /model"):
        command_of("task.create", json.dumps(task).encode())
    with pytest.raises(Invalid, match="at /default_model"):
        command_of("organization.update", json.dumps(organization).encode())


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("task.create", {"permissions": "maybe"}, "Expected one of ask, allow, deny"),
        ("organization.set_role", {"role": 7}, "Expected one of owner, admin, member"),
        ("organization.set_role", {}, "Object missing required field `role`"),
    ],
)
def test_a_word_that_is_none_is_told_those_there_are(
    name: str, body: dict[str, object], said: str
) -> None:
    others = {"repository_id": "repo_1", "prompt": "true"}
    if name != "task.create":
        others = {"organization_id": "org_1", "user_id": "usr_1"}

    with pytest.raises(Invalid) as refused:
        command_of(name, json.dumps(others | body).encode())

    assert [place.detail for place in refused.value.errors] == [said]
