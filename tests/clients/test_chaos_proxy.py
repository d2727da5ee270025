"""The proxy from outside: what it does to streams, and that what it plays keeps the contract."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from foundry_client import Foundry
from foundry_client.chaos.command_line import main
from foundry_client.chaos.recording import Recording, read
from tests.clients.chaos import playing
from tests.clients.following import Following, state_of
from tests.clients.recordings import TASK, TRANSCRIPT, WORKING_DAY, WORKSPACE, a_working_day
from tests.system.node_process import ROOT, NodeProcess
from tests.system.stream import Stream

TOPICS = [WORKSPACE, TASK, TRANSCRIPT]
WITHIN = 20.0


@asynccontextmanager
async def opened(url: str, held: Mapping[str, Any]) -> AsyncIterator[Stream]:
    body = {"topics": {topic: one and one.tag for topic, one in held.items()}}
    async with (
        httpx.AsyncClient(timeout=WITHIN) as client,
        client.stream("POST", url + "/v1/stream", json=body) as response,
    ):
        kept = {topic: one for topic, one in held.items() if one}
        yield Stream(response, held, held=kept)


def final(recording: Recording) -> dict[str, tuple[int, Any]]:
    views = recording.final
    return {topic: (one.version, one.data) for topic, one in views.items()}


async def test_a_stream_of_a_recording_keeps_the_contract_and_ends_with_its_views() -> None:
    recording = a_working_day()
    async with playing(recording) as proxy, opened(proxy.address, dict.fromkeys(TOPICS)) as stream:
        await stream.until_version(WORKSPACE, 16, WITHIN)

        await stream.until_named("heartbeat", WITHIN)

    assert {topic: (one.version, one.data) for topic, one in stream.held.items()} == final(
        recording
    )


async def test_who_was_cut_off_gets_what_was_missed_and_nothing_else() -> None:
    recording = a_working_day()
    async with playing(recording) as proxy:
        url = proxy.under("cut@1300")
        async with opened(url, dict.fromkeys(TOPICS)) as stream:
            with pytest.raises(httpx.RemoteProtocolError):
                await stream.rest(WITHIN)
        assert 3 < len(stream.seen) < 10

        async with opened(url, {topic: stream.held.get(topic) for topic in TOPICS}) as again:
            await again.until_version(WORKSPACE, 16, WITHIN)

    assert {topic: (one.version, one.data) for topic, one in again.held.items()} == final(recording)
    assert not [event for event in again.named("snapshot") if event.data["epoch"] == "e-1"]


async def test_a_native_event_source_is_resumed_by_its_last_id() -> None:
    async with playing(a_working_day()) as proxy, httpx.AsyncClient(timeout=WITHIN) as client:
        url = f"{proxy.address}/v1/stream?topic={WORKSPACE}&topic={TASK}"
        async with client.stream("GET", url) as response:
            first = Stream(response, [WORKSPACE, TASK])
            await first.until_version(WORKSPACE, 6, WITHIN)

        headers = {"Last-Event-ID": first.last_id or ""}
        async with client.stream("GET", url, headers=headers) as response:
            second = Stream(response, [WORKSPACE, TASK], held=first.held)
            await second.until_version(WORKSPACE, 16, WITHIN)

    assert [event.data["epoch"] for event in second.named("snapshot")] == ["e-2"]


async def test_interest_brings_a_topic_up_and_stops_another() -> None:
    async with playing(a_working_day()) as proxy, httpx.AsyncClient(timeout=WITHIN) as client:
        async with opened(proxy.address, {WORKSPACE: None}) as stream:
            await stream.until_version(WORKSPACE, 16, WITHIN)
            path = f"{proxy.address}/v1/stream/{stream.sid}/interest"
            body = {"revision": 1, "add": {TRANSCRIPT: None}, "remove": [WORKSPACE]}
            stream.expect(body["add"])

            answer = await client.post(path, json=body)
            ready = await stream.until(
                lambda event: event.name == "ready" and event.data["revision"] == 1, WITHIN
            )
        lost = await client.post(f"{proxy.address}/v1/stream/stage.99/interest", json=body)

    assert (answer.status_code, answer.json()) == (202, {"revision": 1})
    assert list(ready.data["topics"]) == [TRANSCRIPT]
    assert lost.status_code == 404


async def test_views_are_read_with_their_etags() -> None:
    async with playing(a_working_day()) as proxy, httpx.AsyncClient(timeout=WITHIN) as client:
        url = f"{proxy.address}/v1/views/{WORKSPACE}"
        read = await client.get(url)
        same = await client.get(url, headers={"If-None-Match": read.headers["etag"]})
        early = await client.get(url, params={"at_least": 16})

    assert (read.json()["version"], same.status_code, early.status_code) == (4, 304, 503)


async def test_the_command_plays_records_reports_and_compares(tmp_path: Path) -> None:
    recording = a_working_day()
    recorded, views = tmp_path / "again.jsonl", tmp_path / "views.json"

    async with command("--recording", str(WORKING_DAY), "--plan", "503,duplicate@400") as behind:
        options = ["--upstream", behind.address, "--record", str(recorded), "--expect", str(views)]
        async with command(*options) as proxy:
            async with httpx.AsyncClient(timeout=WITHIN) as client:
                refused = await client.post(
                    proxy.address + "/v1/stream", json={"topics": {TASK: None}}
                )
            async with opened(proxy.address, dict.fromkeys(TOPICS)) as stream:
                await stream.until_version(WORKSPACE, 16, WITHIN)
            held = {
                topic: {"version": one.version, "data": one.data}
                for topic, one in stream.held.items()
            }
            held[TASK]["data"] = {**held[TASK]["data"], "title": "not this"}
            views.write_text(json.dumps(held))
            status, report = await proxy.ended()
        of_behind = await behind.ended()

    assert refused.status_code == 503
    assert (status, report["different"], report["streams"]) == (1, [TASK], 1)
    assert of_behind[1]["faults"] == {"503": 1, "duplicate": 1}
    assert final(read(recorded)) == final(recording)


async def test_views_that_were_not_written_down_are_reported_as_not_compared(
    tmp_path: Path,
) -> None:
    async with command(
        "--recording", str(WORKING_DAY), "--expect", str(tmp_path / "none.json")
    ) as proxy:
        status, report = await proxy.ended()

    assert (status, report["streams"]) == (1, 0)
    assert "none.json" in report["not_compared"]


@pytest.mark.parametrize(
    "options",
    [
        ("--upstream", "127.0.0.1:7741"),
        ("--recording", str(WORKING_DAY), "--port", "99999"),
        ("--recording", str(WORKING_DAY), "--record", "/nowhere/recorded.jsonl"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_no_traceback(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("foundry-chaos-proxy: error: ")


async def test_a_recording_made_before_a_real_server_can_be_played(
    system: NodeProcess, tmp_path: Path
) -> None:
    recorded, views = tmp_path / "real.jsonl", tmp_path / "views.json"
    options = ["--upstream", system.address, "--plan", "503,cut@600,duplicate@300"]
    async with command(*options, "--record", str(recorded), "--expect", str(views)) as proxy:
        async with Foundry(proxy.address, token=system.token) as foundry:
            made = await foundry.command("organization.create", {"name": "Recorded 0"})
            organization_id = made.ids["organization_id"]
            following = Following(foundry, f"workspace/{organization_id}")
            for number in range(1, 20):
                fields = {"organization_id": organization_id, "name": f"Recorded {number}"}
                last = await foundry.command("organization.update", fields)
                await foundry.at_least(last.position)
            await state_of(foundry, "live")
            fields["name"] = "Recorded at last"
            await foundry.command("organization.update", fields)
            view = await following.until(lambda data: data["name"] == "Recorded at last")
            views.write_bytes(
                msgspec.json.encode({view.topic: {"version": view.version, "data": view.data}})
            )
        status, report = await proxy.ended()

    assert (status, report["different"]) == (0, [])
    assert report["faults"] == {"503": 1, "cut": 1, "duplicate": 1}
    recording = read(recorded)
    assert recording.final[view.topic].data == view.data
    async with playing(recording) as again, Foundry(again.under("cut@200")) as foundry:
        replayed = await Following(foundry, view.topic).until(lambda data: data == view.data)
    assert replayed.version == view.version


class Command:
    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address

    async def ended(self) -> tuple[int, Any]:
        """Its exit status and its report."""
        self._process.send_signal(signal.SIGINT)
        out, _ = await self._process.communicate()
        return self._process.returncode or 0, json.loads(out)


@asynccontextmanager
async def command(*options: str) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "foundry_client.chaos",
        *options,
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "clients" / "python")},
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), WITHIN)
        yield Command(process, line.decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
