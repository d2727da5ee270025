"""What an acknowledged commit survives, said honestly: what is configured here, or can be read from the servers (docs/operations.md, 'What "durable" means here')."""

import logging

import httpx

from runtime.errors import Unavailable
from runtime.settings import Settings

log = logging.getLogger(__name__)


async def outside_durability(settings: Settings, *, replicas: int) -> str:
    """The durability of a server that is not ours: `replicated(n)`, `fsync` or `os` as its monitor says, else `unknown`.

    FOUNDRY_NATS_MONITOR_URL may name several monitors with commas; the weakest counts.
    """
    if replicas > 1:
        return f"replicated({replicas})"
    if settings.nats_monitor_url is None:
        return "unknown"
    urls = [url.strip() for url in settings.nats_monitor_url.split(",")]
    syncs = [await _syncs_always(url) for url in urls]
    if None in syncs:
        return "unknown"
    return "fsync" if all(syncs) else "os"


async def _syncs_always(url: str) -> bool | None:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            variables = (await client.get(f"{url.rstrip('/')}/varz")).json()
        return bool(variables["jetstream"]["config"].get("sync_always", False))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        log.warning("nats monitor cannot be read", extra={"url": url, "reason": str(error)})
        return None


def require(settings: Settings, durability: str) -> None:
    """Raises `Unavailable` when the log is weaker than FOUNDRY_REQUIRE_DURABILITY."""
    required = settings.require_durability
    if required is None or durability == required or durability.startswith("replicated"):
        return
    raise Unavailable(
        f"FOUNDRY_REQUIRE_DURABILITY asks for {required}, and this log is {durability}. "
        "Use the embedded server with FOUNDRY_DURABILITY=fsync, a cluster with FOUNDRY_NATS_REPLICAS=3, "
        "or name the server's monitor in FOUNDRY_NATS_MONITOR_URL if it syncs always."
    )
