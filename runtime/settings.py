"""All settings, from `FOUNDRY_…` variables; nobody else reads the environment. docs/operations.md lists them."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, inspect
from msgspec.structs import FieldInfo

PREFIX = "FOUNDRY_"

LONGEST_SECONDS = 31_536_000
"""A year: clocks and timers of a system take no number of any size."""

OF_AN_OUTSIDE_SERVER = frozenset(
    {"FOUNDRY_NATS_CREDS", "FOUNDRY_NATS_CA", "FOUNDRY_NATS_MONITOR_URL"}
)
"""Who sets one of these means a log elsewhere, and would be shown the one in the data folder, an empty one perhaps."""

Many = Annotated[int, Meta(ge=1)]
Replicas = Annotated[int, Meta(ge=1, le=5)]
"""JetStream keeps no more copies of a stream."""
Megabytes = Annotated[int, Meta(ge=64, le=1 << 24)]
Processes = Annotated[int, Meta(ge=16, le=1 << 22)]
OpenFiles = Annotated[int, Meta(ge=64, le=1 << 20)]
Seconds = Annotated[float, Meta(gt=0, le=LONGEST_SECONDS)]


class Settings(Struct, frozen=True, kw_only=True, rename=lambda name: PREFIX + name.upper()):
    """Every default works on a laptop. Durations are seconds."""

    listen: str = "127.0.0.1:7741"
    data: str = "./data"
    nats_url: str | None = None
    nats_creds: str | None = None
    nats_ca: str | None = None
    nats_replicas: Replicas | None = None
    nats_monitor_url: str | None = None
    durability: Literal["fsync", "os"] = "fsync"
    require_durability: Literal["fsync", "replicated"] | None = None
    token: str | None = None
    allowed_origins: str = ""
    local_repositories: str | None = None
    drain_seconds: Annotated[float, Meta(ge=0, le=LONGEST_SECONDS)] = 10.0
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
    sandbox_memory_mb: Megabytes | None = None
    sandbox_processes: Processes | None = None
    sandbox_open_files: OpenFiles = 4096
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
        return _absolute("data", self.data)

    @property
    def local_root(self) -> Path | None:
        """Below which folder repositories of this disk may be named: by default anywhere, while only this machine can ask."""
        if self.local_repositories is not None:
            return _absolute("local_repositories", self.local_repositories)
        return Path("/") if self.address[0] in ("127.0.0.1", "::1", "localhost") else None

    @property
    def origins(self) -> tuple[str, ...]:
        """Other sites whose pages may ask and give commands with a person's credential, separated by commas or spaces."""
        return tuple(map(_as_browsers_name, self.allowed_origins.replace(",", " ").split()))


def _as_browsers_name(site: str) -> str:
    """In lower case, and without the port that is meant anyhow: any other spelling would never be met."""
    scheme, _, place = site.lower().partition("://")
    return f"{scheme}://{place.removesuffix({'http': ':80', 'https': ':443'}[scheme])}"


def environment() -> Mapping[str, str]:
    """What this process was started with, for those who pass a chosen part of it on to their children."""
    return dict(os.environ)


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
    for field in msgspec.structs.fields(Settings):
        if (text := given.get(field.encode_name)) is not None:
            _check(field, text)
    settings = msgspec.convert(given, Settings, strict=False)
    if settings.nats_url is None and (idle := sorted(given.keys() & OF_AN_OUTSIDE_SERVER)):
        raise BadSetting(
            f"{', '.join(idle)} is of an outside NATS server, and FOUNDRY_NATS_URL names none; set that"
            " too, or leave it out for the embedded server, which has a log of its own."
        )
    return settings


def readable_file(name: str, path: str | None) -> Path | None:
    """The file a setting names. Raises `BadSetting` when it is not there to be read."""
    if path is None:
        return None
    file = _absolute(name, path)
    try:
        file.open("rb").close()
    except OSError as error:
        raise BadSetting(
            f"{PREFIX}{name.upper()} must name a file that can be read, and {path} is none ({error.strerror})."
        ) from None
    return file


def _absolute(name: str, path: str) -> Path:
    """Raises `BadSetting` for a relative path when nobody can say, or write down, where it starts."""
    try:
        absolute = Path(path).absolute()
    except FileNotFoundError:
        absolute = None
    if absolute is None or not _is_text(str(absolute)):
        raise BadSetting(
            f"{PREFIX}{name.upper()} is {path}, below the folder this was started in, which was removed or"
            " has a name that is not UTF-8; start it in another one, or give an absolute path."
        )
    return absolute


def _check(field: FieldInfo, text: str) -> None:
    """Raises `BadSetting` with what would do. A text may be a secret and is not repeated, a word or number is."""
    name = field.encode_name
    if not _is_text(text):
        raise BadSetting(f"{name} is not written in UTF-8; give it a value that is.")
    if not text and field.name not in _MAY_BE_EMPTY:
        raise BadSetting(f"{name} is empty; give it a value, or leave it out for the default.")
    try:
        value = msgspec.convert(text, field.type, strict=False)
    except msgspec.ValidationError:
        raise BadSetting(f"{name} must be {_wanted(field)}, not {text[:100]!r}.") from None
    # "nan" is a float that is neither too small nor too large, and no time passes "inf".
    if isinstance(value, float) and not math.isfinite(value):
        raise BadSetting(f"{name} must be {_wanted(field)}, not {text[:100]!r}.")
    if field.name in _SHAPES:
        shape, words = _SHAPES[field.name]
        if not shape.fullmatch(text) or any(int(port) > LAST_PORT for port in _PORT.findall(text)):
            raise BadSetting(f"{name} must be {words}.")


def _is_text(text: str) -> bool:
    """Bytes of an environment that are no UTF-8 come as surrogates, which nothing can write down."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wanted(field: FieldInfo) -> str:
    """What a value of this type looks like, in words."""
    match [one for one in _kinds(field) if not isinstance(one, inspect.NoneType)]:
        case [inspect.LiteralType(values=words)]:
            *before, last = map(str, words)
            return f"{', '.join(before)} or {last}"
        case [inspect.IntType(ge=least, le=None)]:
            return f"a whole number of {least} or more"
        case [inspect.IntType(ge=least, le=most)]:
            return f"a whole number from {least} to {most}"
        case [inspect.FloatType(ge=0)]:
            return f"a number of seconds, 0 or more and {LONGEST_SECONDS} at most"
        case _:
            return f"a number of seconds, more than 0 and {LONGEST_SECONDS} at most"


def _kinds(field: FieldInfo) -> tuple[inspect.Type, ...]:
    kind = inspect.type_info(field.type)
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


LAST_PORT = 65535

_PORT = re.compile(r":(\d{1,5})(?=$|[/,\s])", re.ASCII)
_HOST = r"(?:[^\s:/@,\[\]]+|\[[0-9A-Fa-f:.]+\])"
_NATS = rf"(?:(?:nats|tls)://)?(?:[^\s/@,]*@)?{_HOST}(?::[0-9]{{1,5}})?/?"
_WEB = rf"https?://(?:[^\s/@,]*@)?{_HOST}(?::[0-9]{{1,5}})?"

_SECRET_WORDS = "made of letters, digits and signs of ASCII, without blanks"
_SECRET = (r"[!-~]+", _SECRET_WORDS)
# A longer one is nobody's: docs/protocol.md, "Who is asking".
_TOKEN = (r"[!-~]{1,4096}", f"{_SECRET_WORDS}, 4,096 of them at most")

_MAY_BE_EMPTY = frozenset({"allowed_origins", "agents"})
_SHAPES = {
    name: (re.compile(shape, re.ASCII), words)
    for name, shape, words in (
        ("listen", rf"{_HOST}?:[0-9]{{1,5}}", "host:port"),
        (
            "nats_url",
            rf"\s*{_NATS}\s*(?:,\s*{_NATS}\s*)*",
            "nats://host:port, or several with commas",
        ),
        (
            "nats_monitor_url",
            rf"\s*{_WEB}[^\s,]*\s*(?:,\s*{_WEB}[^\s,]*\s*)*",
            "http://host:port, or several with commas",
        ),
        ("token", *_TOKEN),
        (
            "allowed_origins",
            rf"[\s,]*(?:{_WEB}(?:[\s,]+|$))*",
            "sites such as https://example.org, with commas or blanks",
        ),
        (
            "host",
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
            "a name of letters, digits, `.`, `_` and `-`, 63 at most",
        ),
        ("sandbox_agent_token", *_SECRET),
        ("sandbox_agent_url", rf"{_WEB}\S*", "http://host:port"),
        ("sandbox_agent_folder", r"/.*", "an absolute path"),
    )
}
