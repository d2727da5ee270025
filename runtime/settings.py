"""All settings, from `FOUNDRY_…` variables; nobody else reads the environment. docs/operations.md lists them."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

PREFIX = "FOUNDRY_"

Many = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class Settings(Struct, frozen=True, kw_only=True, rename=lambda name: PREFIX + name.upper()):
    """Every default works on a laptop. Durations are seconds."""

    listen: str = "127.0.0.1:7741"
    data: str = "./data"
    nats_url: str | None = None
    nats_creds: str | None = None
    nats_ca: str | None = None
    nats_replicas: Many | None = None
    nats_monitor_url: str | None = None
    durability: Literal["fsync", "os"] = "fsync"
    require_durability: Literal["fsync", "replicated"] | None = None
    token: str | None = None
    allowed_origins: str = ""
    local_repositories: str | None = None
    drain_seconds: Annotated[float, Meta(ge=0)] = 10.0
    heartbeat_seconds: Seconds = 15.0
    max_streams: Many = 20_000
    max_streams_per_person: Many = 15_000
    max_requests: Many = 768
    max_requests_per_person: Many = 512
    host: str | None = None
    host_away_seconds: Seconds = 15.0
    stage_seconds: Seconds | None = None
    agents: str | None = None
    max_agents: Many = 32
    git_ssh_key: str | None = None
    sandbox_agent_url: str | None = None
    sandbox_agent_token: str | None = None
    sandbox_agent_folder: str = "/var/tmp/foundry"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on; port 0 lets the system choose."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)

    @property
    def data_folder(self) -> Path:
        return Path(self.data).absolute()

    @property
    def local_root(self) -> Path | None:
        """Below which folder repositories of this disk may be named: by default anywhere, while only this machine can ask."""
        if self.local_repositories is not None:
            return Path(self.local_repositories).absolute()
        return Path("/") if self.address[0] in ("127.0.0.1", "::1", "localhost") else None

    @property
    def origins(self) -> tuple[str, ...]:
        """Other sites whose pages may write with a person's cookie, separated by commas or spaces."""
        return tuple(self.allowed_origins.replace(",", " ").split())


def environment() -> Mapping[str, str]:
    """What this process was started with, for those who pass a chosen part of it on to their children."""
    return dict(os.environ)


_LISTEN = re.compile(r"(?:[^:\s]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", re.ASCII)
LAST_PORT = 65535


class BadSetting(Exception):
    """A setting is unknown or has a value that cannot be used; the text names it."""


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of an environment. Raises `BadSetting` for unknown names too, so that a typo is found."""
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    if unknown := sorted(given.keys() - known):
        raise BadSetting(
            f"Unknown setting {', '.join(unknown)}. Known are: {', '.join(sorted(known))}."
        )
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadSetting(f"{error}".replace("$.", "")) from None
    if not _LISTEN.fullmatch(settings.listen) or settings.address[1] > LAST_PORT:
        raise BadSetting(f"FOUNDRY_LISTEN must be host:port, not {settings.listen[:100]!r}.")
    for field in msgspec.structs.fields(Settings):
        value = getattr(settings, field.name)
        # "nan" is a float that is neither too small nor too large, and no time passes "inf".
        if isinstance(value, float) and not math.isfinite(value):
            raise BadSetting(f"{field.encode_name} must be a number of seconds, not {value}.")
    return settings
