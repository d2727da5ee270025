"""Folding changes: the same as doing them one by one and sorting, and what did not change stays the same object."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foundry_client.chaos.recording import Recording, Step
from foundry_client.fold import fold, list_of, share

TOPIC = "transcript/ses_1"

identities = st.sampled_from(["task_1", "task_2", "task_é", "task_\ufffd", "task_🙂", "task_10"])
texts = st.sampled_from(["", "a", "日本"])


def put(entity: str, identity: str, **value: Any) -> dict[str, Any]:
    return {"op": "put", "entity": entity, "id": identity, "value": {"id": identity, **value}}


tasks = st.builds(lambda identity, title: put("task", identity, title=title), identities, texts)
entries = st.builds(
    lambda index, text: put("entry", str(index), index=index, text=text), st.integers(0, 12), texts
)
removals = st.one_of(
    st.builds(lambda one: {"op": "remove", "entity": "task", "id": one}, identities),
    st.builds(lambda one: {"op": "remove", "entity": "entry", "id": str(one)}, st.integers(0, 12)),
)
renames = st.builds(lambda name: put("self", "ses_1", name=name, nested={"a": [1]}), texts)
commits = st.lists(
    st.lists(st.one_of(tasks, entries, removals, renames), min_size=1, max_size=6), max_size=6
)

EMPTY: dict[str, Any] = {"id": "ses_1", "name": "", "tasks": [], "entries": []}


def one_by_one(changes: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """The fold of the chaos proxy, which shares nothing with the client's."""
    about = {"topic": TOPIC, "epoch": "e"}
    steps = [Step("snapshot", {**about, "version": 0, "data": EMPTY})]
    for number, commit in enumerate(changes):
        told = {**about, "base": number, "version": number + 1, "changes": commit}
        steps.append(Step("change", told))
    recording = Recording(steps)
    return recording.final[TOPIC].data


@given(commits)
def test_folding_is_doing_one_after_the_other_and_sorting(
    changes: list[list[dict[str, Any]]],
) -> None:
    data = EMPTY
    for commit in changes:
        before = copy.deepcopy(data)
        folded = fold(data, commit)
        assert data == before, "what was folded onto has changed"
        data = folded

    assert data == one_by_one(changes)


@given(commits)
def test_what_is_equal_stays_the_same_object(changes: list[list[dict[str, Any]]]) -> None:
    data = EMPTY
    for commit in changes:
        folded = fold(data, commit)
        for name in ("tasks", "entries"):
            held = {one["id"]: one for one in data[name]}
            assert all(
                one is held.get(one["id"]) or one != held.get(one["id"]) for one in folded[name]
            )
        data = folded

    assert share(data, copy.deepcopy(data)) is data


def test_an_entity_is_in_the_list_of_its_name() -> None:
    lists = ["repositories", "branches", "sandboxes", "processes", "entries", "tree", "tasks"]
    data: dict[str, Any] = {name: [] for name in lists}
    entities = ["repository", "branch", "sandbox", "process", "entry", "tree", "task"]

    assert [list_of(data, entity) for entity in entities] == lists
    assert list_of(data, "comment") is None
