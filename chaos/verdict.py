"""The verdict over a run: all records of all clients against the log, and the log against what the nodes show."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from chaos.check_commands import check_commands
from chaos.check_facts import check_facts
from chaos.check_views import check_looks, check_nodes, check_verify, looked_at
from chaos.check_watching import WatchingCheck, wanted_views
from chaos.findings import Findings
from chaos.raw_log import BrokenLog, read_log
from chaos.records import Commanded, Looked, Record, read
from chaos.replay import replay
from chaos.system import System
from chaos.town import Person, Town


async def judge(
    parts: System,
    town: Town,
    people: dict[str, Person],
    folder: Path,
    findings: Findings,
    *,
    since: int,
    head: int | None,
) -> int:
    """How many commits the log has.

    People wrote their books after the position `since`, and were told everything up to `head`; None
    for a system that did not come back, which is asked about its log alone.
    """
    try:
        messages = await read_log(parts.log_urls)
    except BrokenLog as error:
        findings.add("lost", f"the log is not whole: {error}")
        check_commands(_commands(people, folder), [], findings, since=0)
        return 0
    check_commands(_commands(people, folder), messages, findings, since=since)
    check_facts(messages, town.deeds, findings)
    if head is None:
        return len(messages)
    wanted = chain(
        *(wanted_views(_book(folder, name), person) for name, person in _called("watcher", people)),
        *(looked_at(_looks(folder, name), person) for name, person in _called("looker", people)),
    )
    (folder / "replay").mkdir()
    replayed = await replay(messages, folder / "replay", set(wanted))
    for name, person in _called("watcher", people):
        watching = WatchingCheck(name, person, replayed, findings)
        watching.run(_book(folder, name))
        watching.is_level(head)
    for name, person in _called("looker", people):
        check_looks(_looks(folder, name), person, replayed, findings)
    await check_nodes(parts, town.people, messages, replayed, findings)
    await check_verify(parts, findings)
    return len(messages)


def _called(kind: str, people: dict[str, Person]) -> Iterator[tuple[str, Person]]:
    return ((name, person) for name, person in people.items() if name.startswith(kind))


def _book(folder: Path, name: str) -> Iterator[Record]:
    return read(folder / f"{name}.jsonl")


def _looks(folder: Path, name: str) -> Iterator[Looked]:
    return (record for record in _book(folder, name) if isinstance(record, Looked))


def _commands(people: dict[str, Person], folder: Path) -> Iterator[Commanded]:
    for name, _ in _called("sender", people):
        for record in _book(folder, name):
            if isinstance(record, Commanded):
                yield record
