"""`foundry-chaos-proxy`: runs until Ctrl-C, then prints one line of JSON about what it did."""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypedDict

import httpx
import msgspec

from foundry_client.chaos.faults import BadPlan, parse_plan
from foundry_client.chaos.http import Request
from foundry_client.chaos.playing import Stage
from foundry_client.chaos.proxy import ChaosProxy, Tap
from foundry_client.chaos.recorder import Recorder
from foundry_client.chaos.recording import Recording, read
from foundry_client.chaos.sources import Played, Source, Upstream
from foundry_client.server import UNREACHABLE, BadAddress, check_address
from foundry_client.sse import EventReader

WRONG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 when the views of `--expect` are not what they should be, 2 for what cannot be done."""
    asked = _parser().parse_args(arguments)
    try:
        parse_plan(asked.plan)
        recording = read(asked.recording) if asked.recording else None
        return asyncio.run(_run(asked, recording))
    except (BadPlan, BadAddress, OSError, OverflowError, msgspec.DecodeError) as error:
        # A port that is taken, or is none, and a file that cannot be written are said while starting.
        _parser().error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="foundry-chaos-proxy", description=__doc__)
    behind = parser.add_mutually_exclusive_group(required=True)
    behind.add_argument("--upstream", metavar="URL", help="stand before this server")
    behind.add_argument("--recording", metavar="FILE", type=Path, help="play this recording")
    parser.add_argument("--port", type=int, default=0, help="to listen on (default: a free one)")
    parser.add_argument(
        "--plan", default="", help="for streams whose address has none: 503,cut@117"
    )
    parser.add_argument("--record", metavar="FILE", type=Path, help="record what passes")
    parser.add_argument(
        "--expect", metavar="FILE", type=Path, help="at the end, compare these views"
    )
    parser.add_argument("--delay-ms", type=int, default=200, help="of a `delay` (default: 200)")
    parser.add_argument("--pace-ms", type=int, default=5, help="between two recorded changes")
    parser.add_argument("--heartbeat-ms", type=int, default=1000, help="of a played recording")
    parser.add_argument(
        "--meanwhile", type=int, default=1, help="changes that nobody sees after each break"
    )
    return parser


async def _run(asked: argparse.Namespace, recording: Recording | None) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with httpx.AsyncClient() as client:
        if asked.upstream:
            check_address(client, asked.upstream)
        return await _until(stop, client, asked, recording)


async def _until(
    stop: asyncio.Event,
    client: httpx.AsyncClient,
    asked: argparse.Namespace,
    recording: Recording | None,
) -> int:
    async with _proxy(client, asked, recording) as (proxy, address):
        # The first line is for whoever started it: the port may be a free one.
        print(address, flush=True)
        await stop.wait()
        report = proxy.done.report()
        if asked.expect:
            try:
                report["different"] = await _different(asked, recording, client, proxy.credentials)
            except (*UNREACHABLE, msgspec.MsgspecError, UnicodeDecodeError) as error:
                # The client may have ended before it wrote its views down.
                report["not_compared"] = str(error)
    sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    return WRONG if report.get("different") or "not_compared" in report else 0


async def _different(
    asked: argparse.Namespace,
    recording: Recording | None,
    client: httpx.AsyncClient,
    credentials: Mapping[str, str],
) -> list[str]:
    """The topics whose views in the file of `--expect` are not what they should be."""
    views = msgspec.json.decode(asked.expect.read_bytes(), type=dict[str, Held])
    wanted = (
        {topic: Held(one.version, one.data) for topic, one in recording.final.items()}
        if recording
        else await _shown(client, asked.upstream, [*views], credentials)
    )
    return sorted(topic for topic in views if views[topic] != wanted.get(topic))


class Held(msgspec.Struct, frozen=True):
    """A view as a client writes it down at the end."""

    version: int
    data: dict[str, Any]


async def _shown(
    client: httpx.AsyncClient, url: str, topics: Sequence[str], credentials: Mapping[str, str]
) -> dict[str, Held]:
    """What the server itself shows of some topics, to whoever asked it last."""
    shown = {}
    for topic in topics:
        answer = await client.get(f"{url.rstrip('/')}/v1/views/{topic}", headers=dict(credentials))
        if answer.status_code == 200:
            shown[topic] = msgspec.json.decode(answer.content, type=Held)
    return shown


@asynccontextmanager
async def _proxy(
    client: httpx.AsyncClient, asked: argparse.Namespace, recording: Recording | None
) -> AsyncIterator[tuple[ChaosProxy, str]]:
    def source() -> Source:
        if recording is None:
            return Upstream(client, asked.upstream)
        stage = Stage(recording, pace=asked.pace_ms / 1000, heartbeat=asked.heartbeat_ms / 1000)
        return Played(stage, meanwhile=asked.meanwhile)

    def local(request: Request) -> bytes | None:
        if request.path == "/chaos/report":
            return msgspec.json.encode(proxy.done.report())
        if request.path == "/chaos/expected" and recording is not None:
            return msgspec.json.encode(recording.final)
        return None

    with _taps(asked.record) as taps:
        proxy = ChaosProxy(
            source, plan=asked.plan, delay=asked.delay_ms / 1000, local=local, **taps
        )
        server = await proxy.listen(port=asked.port)
        host, port = server.sockets[0].getsockname()[:2]
        try:
            yield proxy, f"http://{host}:{port}"
        finally:
            server.close()
            await proxy.close()


class Taps(TypedDict, total=False):
    tap: Callable[[], Tap]
    tap_views: Tap


@contextmanager
def _taps(file: Path | None) -> Iterator[Taps]:
    """What is to be shown to a recorder, if there is to be one."""
    if file is None:
        yield {}
        return
    with file.open("w") as out:
        recorder = Recorder(out)

        def tap() -> Tap:
            # Each stream is read by a parser of its own.
            reader = EventReader()

            def show(piece: bytes) -> None:
                for event in reader.feed(piece):
                    recorder.take(event.name, msgspec.json.decode(event.data))

            return show

        yield {"tap": tap, "tap_views": lambda body: recorder.take_read(msgspec.json.decode(body))}
