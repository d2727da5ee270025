"""A view's `data` from its rows: the elements are JSON already, so a snapshot is a concatenation."""

from collections.abc import Iterable

from projectors.projection import View


def assemble(view: View, elements: Iterable[tuple[str, bytes]]) -> bytes:
    """The `data` object of a view (docs/protocol.md, "What they show") from (entity, JSON) pairs that stand in the order of the view."""
    itself = b"{}"
    lists: dict[str, list[bytes]] = {entity: [] for entity in view.lists.values()}
    for entity, json in elements:
        if entity == "self":
            itself = json
        else:
            lists[entity].append(json)
    parts = [] if itself == b"{}" else [itself[1:-1]]
    for name, entity in view.lists.items():
        parts.append(b'"%s":[%s]' % (name.encode(), b",".join(lists[entity])))
    return b"{%s}" % b",".join(parts)
