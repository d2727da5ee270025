"""In which list of a view an entity stands (docs/protocol.md, "Live")."""

IRREGULAR = {
    "repository": "repositories",
    "branch": "branches",
    "sandbox": "sandboxes",
    "process": "processes",
    "entry": "entries",
    "tree": "tree",
}


def list_of(entity: str) -> str:
    """The list of an entity; one this version does not know is taken to end in s."""
    return IRREGULAR.get(entity, f"{entity}s")
