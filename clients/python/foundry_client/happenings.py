"""What happens to a manager: the inputs of the step function (clients/README.md)."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

Live = Literal["on", "bootstrap-only"]


class View(Struct, frozen=True):
    """One topic as it is held. Whatever did not change between two views is the same object in both."""

    topic: str
    epoch: str
    version: int
    data: dict[str, Any]

    @property
    def tag(self) -> str:
        return f"{self.epoch}.{self.version}"


class _Happening(Struct, frozen=True, kw_only=True, tag_field="type"):
    """`at` is in milliseconds, `random` from 0 up to, not including, 1: the step function knows neither by itself."""

    at: int
    random: float


class Subscribe(_Happening, frozen=True, kw_only=True, tag="subscribe"):
    topic: str
    live: Live = "on"
    view: View | None = None


class Release(_Happening, frozen=True, kw_only=True, tag="release"):
    topic: str


class Opened(_Happening, frozen=True, kw_only=True, tag="opened"):
    connection: int


class Told(_Happening, frozen=True, kw_only=True, tag="event"):
    """An event of a stream, its data decoded."""

    connection: int
    name: str
    data: Any
    id: str | None = None


class Heard(_Happening, frozen=True, kw_only=True, tag="heard"):
    """Bytes of a stream arrived, whatever they were."""

    connection: int


class Retry(_Happening, frozen=True, kw_only=True, tag="retry"):
    """A `retry:` line."""

    connection: int
    ms: int


class Lost(_Happening, frozen=True, kw_only=True, tag="lost"):
    """A stream broke, or was not opened; `status` and `code` if the server said why."""

    connection: int
    status: int | None = None
    retry_after_ms: int | None = None
    code: str | None = None
    detail: str | None = None


class InterestAnswered(_Happening, frozen=True, kw_only=True, tag="interest_answered"):
    """`status` 0: nobody answered."""

    connection: int
    revision: int
    status: int
    retry_after_ms: int | None = None
    code: str | None = None
    detail: str | None = None


class Refresh(_Happening, frozen=True, kw_only=True, tag="refresh"):
    """Views that are not streamed are to be read again; no topic: all of them."""

    topic: str | None
    at_least: int | None = None
    cause: str | None = None


class ReadAnswered(_Happening, frozen=True, kw_only=True, tag="read"):
    """`body` is the decoded answer of a 200; `status` 0: nobody answered."""

    topic: str
    status: int
    at_least: int | None = None
    cause: str | None = None
    body: Any = None
    retry_after_ms: int | None = None
    code: str | None = None
    detail: str | None = None


class TimerRang(_Happening, frozen=True, kw_only=True, tag="timer"):
    name: str


class Wake(_Happening, frozen=True, kw_only=True, tag="wake"):
    """The network, or the machine, came back."""


class Unauthenticated(_Happening, frozen=True, kw_only=True, tag="unauthenticated"):
    """A request beside the stream was answered 401."""

    detail: str | None = None


class SignIn(_Happening, frozen=True, kw_only=True, tag="sign_in"):
    """There are credentials again."""


class Close(_Happening, frozen=True, kw_only=True, tag="close"):
    pass


Happening: TypeAlias = (
    Subscribe
    | Release
    | Opened
    | Told
    | Heard
    | Retry
    | Lost
    | InterestAnswered
    | Refresh
    | ReadAnswered
    | TimerRang
    | Wake
    | Unauthenticated
    | SignIn
    | Close
)
