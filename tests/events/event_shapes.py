"""Events made from their types alone: any event for property tests, one full example for the golden files."""

from functools import partial
from itertools import count, takewhile
from typing import get_args

import msgspec.inspect as shape
from hypothesis import strategies as st
from msgspec import Struct

from events.commit import Event

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

PREFIXES = {
    "user_id": "usr",
    "owner_id": "usr",
    "token_id": "tok",
    "organization_id": "org",
    "repository_id": "repo",
    "task_id": "task",
    "session_id": "ses",
    "message_id": "msg",
    "sandbox_id": "sbx",
    "process_id": "proc",
    "issue_id": "iss",
    "job_id": "job",
    "retry_job_id": "job",
}

EVENT_TYPES: tuple[type[Struct], ...] = get_args(Event)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | INTEGERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def tag_of_type(event_type: type[Struct]) -> str:
    tag = event_type.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def events_of(event_type: type[Struct]) -> st.SearchStrategy[Struct]:
    """Every event of a type, with and without its optional fields."""
    return _structs(shape.type_info(event_type))


def _structs(info: shape.Type) -> st.SearchStrategy[Struct]:
    assert isinstance(info, shape.StructType)
    required = {one.name: _values(one.type) for one in info.fields if one.required}
    optional = {one.name: _values(one.type) for one in info.fields if not one.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: info.cls(**fields))


def _values(info: shape.Type) -> st.SearchStrategy[object]:
    match info:
        case shape.StructType():
            return _structs(info)
        case shape.StrType():
            return st.text(max_size=20)
        case shape.IntType():
            return INTEGERS
        case shape.BoolType():
            return st.booleans()
        case shape.NoneType():
            return st.none()
        case shape.LiteralType():
            return st.sampled_from(info.values)
        case shape.AnyType():
            return JSON
        case shape.UnionType():
            return st.one_of([_values(one) for one in info.types])
        case shape.VarTupleType():
            return st.lists(_values(info.item_type), max_size=3).map(tuple)
        case shape.DictType():
            return st.dictionaries(st.text(max_size=8), _values(info.value_type), max_size=3)
        case _:
            raise TypeError(f"events hold a {info} now; say here how to make one")


def full_example(event_type: type[Struct], turn: int = 0) -> Struct:
    """The event with every field set, the same each time; another `turn` takes other words where a field has a choice."""
    example = _example(shape.type_info(event_type), "", turn)
    assert isinstance(example, Struct)
    return example


def full_examples(event_type: type[Struct]) -> list[Struct]:
    """Full examples in which each word that a field may have stands once."""
    first = full_example(event_type)
    others = map(partial(full_example, event_type), count(1))
    return [first, *takewhile(lambda example: example != first, others)]


def _example(info: shape.Type, name: str, turn: int) -> object:
    match info:
        case shape.StructType():
            return info.cls(**{one.name: _example(one.type, one.name, turn) for one in info.fields})
        case shape.StrType():
            return f"{PREFIXES[name]}_golden" if name in PREFIXES else f"{name} ✓"
        case shape.IntType():
            return 7
        case shape.BoolType():
            return True
        case shape.LiteralType():
            return info.values[turn % len(info.values)]
        case shape.AnyType():
            return {"any": ["json", 1, None]}
        case shape.UnionType():
            return _example(next(one for one in info.types if not _is_none(one)), name, turn)
        case shape.VarTupleType():
            return (_example(info.item_type, name, turn),)
        case shape.DictType():
            return {name: _example(info.value_type, "value", turn)}
        case _:
            raise TypeError(f"events hold a {info} now; say here how to make one")


def _is_none(info: shape.Type) -> bool:
    return isinstance(info, shape.NoneType)
