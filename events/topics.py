"""How topics are named: a kind and the id of what is shown. Who writes, answers and streams agree here."""

from events.ids import is_id

ID_PREFIX = {
    "workspace": "org",
    "repository": "repo",
    "task": "task",
    "files": "task",
    "processes": "task",
    "job": "job",
    "transcript": "ses",
}
"""The kinds of topics that are named by an id, and the prefix of that id. `app` is missing: it is the caller's own."""


def names_a_topic(kind: str, identity: str) -> bool:
    """Whether `<kind>/<identity>` could be a topic; asks nobody whether it is."""
    prefix = ID_PREFIX.get(kind)
    return prefix is not None and is_id(identity, prefix)
