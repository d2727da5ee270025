"""Folds changes onto a view, and keeps what did not change the same object, so that `is` tells what did."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Data = dict[str, Any]


def fold(data: Data, changes: Iterable[Mapping[str, Any]]) -> Data:
    """The view's data with the changes applied, all in one go. `data` itself is left as it is."""
    touched: dict[str, dict[str, Data | None]] = {}
    folded = data
    for change in changes:
        value = change.get("value")
        if change["entity"] == "self":
            if change["op"] == "put":
                folded = share(folded, {**_lists_of(folded), **(value or {})})
            continue
        name = list_of(data, change["entity"])
        if name is not None:
            elements = touched.setdefault(name, {})
            elements[change["id"]] = value if change["op"] == "put" else None
    for name, elements in touched.items():
        folded = {**folded, name: _merged(data[name], elements)}
    return folded


def share(held: Any, fresh: Any) -> Any:
    """`fresh`, with whatever is equal in `held` taken from there."""
    if held is fresh:
        return held
    if isinstance(held, dict) and isinstance(fresh, dict):
        shared = {key: share(held.get(key), value) for key, value in fresh.items()}
        same = shared.keys() == held.keys() and all(shared[key] is held[key] for key in held)
        return held if same else shared
    if isinstance(held, list) and isinstance(fresh, list):
        by_id = {one["id"]: one for one in held if _has_id(one)}
        elements = [_shared(by_id, held, place, value) for place, value in enumerate(fresh)]
        same = len(elements) == len(held) and all(map(_is, elements, held))
        return held if same else elements
    # One and the same scalar may be two objects: `is` has to hold for it too.
    return held if type(held) is type(fresh) and held == fresh else fresh


def list_of(data: Data, entity: str) -> str | None:
    """The list an entity belongs to, by its name: `task` in `tasks`, `branch` in `branches`, `entry` in `entries`.

    None for one this view does not have: a newer server may tell of more.
    """
    plural = f"{entity[:-1]}ies" if entity.endswith("y") else entity
    names = (f"{entity}s", f"{entity}es", plural, entity)
    return next((name for name in names if isinstance(data.get(name), list)), None)


def _lists_of(data: Data) -> Data:
    return {name: value for name, value in data.items() if isinstance(value, list)}


def _shared(by_id: Mapping[str, Any], held: Sequence[Any], place: int, value: Any) -> Any:
    if _has_id(value) and value["id"] in by_id:
        return share(by_id[value["id"]], value)
    return share(held[place], value) if place < len(held) else value


def _merged(held: Sequence[Data], elements: dict[str, Data | None]) -> list[Data]:
    """`elements` are new ones by id, None for those that are removed."""
    result: list[Data] = []
    ordered = True
    for element in held:
        if element["id"] not in elements:
            result.append(element)
            continue
        fresh = elements.pop(element["id"])
        if fresh is not None:
            result.append(share(element, fresh))
            ordered = ordered and _order(element) == _order(fresh)
    # Most of what is added comes at the end: the next entry, the newest task.
    added = sorted((one for one in elements.values() if one is not None), key=_order)
    if result and added:
        ordered = ordered and _order(result[-1]) <= _order(added[0])
    result.extend(added)
    return result if ordered else sorted(result, key=_order)


def _order(element: Data) -> tuple[int, str]:
    index = element.get("index")
    return (index if isinstance(index, int) and not isinstance(index, bool) else 0, element["id"])


def _has_id(one: object) -> bool:
    return isinstance(one, dict) and isinstance(one.get("id"), str)


def _is(one: object, other: object) -> bool:
    return one is other
