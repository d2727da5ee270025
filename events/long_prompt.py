"""A task with a long prompt: the first message is that prompt again, and twice it may be more than a commit holds.

Such a commit is stored with the message's text left empty. A message says something or points at a
file, so an empty one beside the fact that made the task can only stand for its prompt.
"""

from collections.abc import Callable

from msgspec.structs import replace

from events.agent_session import MessageQueued
from events.commit import Commit
from events.task import TaskCreated


def with_prompt_once(commit: Commit) -> Commit:
    """The commit as it is stored: what the first message repeats is left out."""
    return _with_messages(
        commit,
        lambda prompt, message: replace(message, text="") if message.text == prompt else message,
    )


def with_prompt_twice(commit: Commit) -> Commit:
    """The commit as everybody sees it, whether something was left out or not."""
    return _with_messages(
        commit,
        lambda prompt, message: message if message.text else replace(message, text=prompt),
    )


def _with_messages(commit: Commit, change: Callable[[str, MessageQueued], MessageQueued]) -> Commit:
    match commit.events:
        case (TaskCreated(prompt=prompt), *_):
            return replace(
                commit,
                events=tuple(
                    change(prompt, event)
                    if isinstance(event, MessageQueued) and not event.attachments
                    else event
                    for event in commit.events
                ),
            )
        case _:
            return commit
