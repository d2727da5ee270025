"""Bytes to commands, strictly: anything but exactly one of the catalog is refused, with the place of the mistake."""

import json
import re
import uuid
from collections.abc import Iterable
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from commands.catalog import CATALOG, AnyCommand
from commands.fields import TEXT_BYTES
from commands.refusals import wrong
from runtime.errors import FieldError, Invalid, NotFound
from runtime.problems import TooLarge, invalid_body

BODY_LIMIT = 512 * 1024
BATCH_LIMIT = 8 * 1024 * 1024
BATCH_LINES = 100_000
"""At most this many commands in one batch: the answer to each has more bytes than the shortest command."""

_T = TypeVar("_T")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LIKE = "a UUID, like 0189d6a0-7b5e-7c3e-8f0a-5d3c2b1a0f9e"
_FILLED = re.compile(rb"\S")
_FIELD = re.compile(r"(?:unknown|required) field `([^`]*)`")


class BatchLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of `POST /v1/commands`."""

    name: str
    command_id: str | None = None
    data: Raw = Raw(b"{}")


def command_of(name: str, body: bytes) -> AnyCommand:
    """The command in a body. Raises `NotFound` for an unknown name, `Invalid` for a wrong body."""
    shape = CATALOG.get(name)
    if shape is None:
        raise NotFound(
            f"There is no command {name[:100]!r}; /v1/openapi.json lists those there are."
        )
    command: AnyCommand = decoded(body, shape)
    if len(body) > TEXT_BYTES:
        _check_texts(command)
    return command


def _check_texts(command: AnyCommand) -> None:
    """Shapes count characters, and a character may be four bytes."""
    for field in command.__struct_fields__:
        text = getattr(command, field)
        if isinstance(text, str) and len(text.encode()) > TEXT_BYTES:
            detail = f"This text has more than {TEXT_BYTES // 1024} KB in UTF-8"
            raise Invalid(
                f"{detail}. Send less of it, or put the rest into a file of the repository.",
                errors=[FieldError(pointer=f"/{field}", detail=detail)],
            )


def batch_lines(body: bytes) -> list[tuple[int, slice]]:
    """Where the lines of a batch stand that have something in them, each with its number from 1 on.

    Millions of blank lines cost next to nothing. Raises `TooLarge` for more than `BATCH_LINES`.
    """
    lines: list[tuple[int, slice]] = []
    number, begin = 1, 0
    while filled := _FILLED.search(body, begin):
        number += body.count(b"\n", begin, filled.start())
        begin = max(begin, body.rfind(b"\n", begin, filled.start()) + 1)
        end = body.find(b"\n", filled.start())
        end = len(body) if end < 0 else end
        # A line may end with CRLF, of which nothing belongs to it.
        end -= body.endswith(b"\r", begin, end)
        if len(lines) == BATCH_LINES:
            raise TooLarge(
                f"A batch may have {BATCH_LINES} commands; send the rest in another batch, with a key of its own."
            )
        lines.append((number, slice(begin, end)))
        begin = end
    return lines


def batch_line_of(body: bytes) -> BatchLine:
    """One line of a batch. Raises `Invalid`."""
    return decoded(body, BatchLine)


def command_id_of(key: str | None) -> str | None:
    """The command id in an Idempotency-Key, with or without the quotes of a structured header.

    Raises `Invalid` when it is not a UUID.
    """
    if key is None:
        return None
    text = _uuid_in(key)
    if text is None:
        raise Invalid(f"An Idempotency-Key is {_LIKE}; make one per command.")
    return text


def line_command_id(line: BatchLine, key: str, number: int) -> str:
    """The command id of a batch's line; where it names none, always the same for the same batch key and line.

    Raises `Invalid` when what it names is not a UUID.
    """
    if line.command_id is None:
        return str(uuid.uuid5(uuid.UUID(key), str(number)))
    text = _uuid_in(line.command_id)
    if text is None:
        raise wrong("/command_id", f"A command_id is {_LIKE}.")
    return text


def _uuid_in(key: str) -> str | None:
    text = key.strip().strip('"').lower()
    return text if _UUID.fullmatch(text) else None


def decoded(body: bytes, shape: type[_T]) -> _T:
    """JSON of exactly one shape. Raises `Invalid` with a pointer to what is wrong."""
    try:
        value: _T = _decoder_of(shape).decode(body)
        # msgspec lets the last of two equal names win; another reader might take the first.
        _names_once.decode(body.decode())
    except msgspec.ValidationError as error:
        raise _wrong_field(error, shape) from None
    except _NameTwice:
        raise _named_twice(body.decode()) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        detail = f"This is not the JSON that is taken here: {_unreadable(body, error)}"
        raise Invalid(
            f"{detail}. Correct it and send it again.",
            errors=[FieldError(pointer="", detail=detail)],
        ) from None
    return value


def _unreadable(body: bytes, error: Exception) -> str:
    """Why a body is no JSON. Of two mistakes the decoder says something else, or a place that is none of the body."""
    try:
        json.dumps(json.loads(body.decode()), ensure_ascii=False).encode()
    except UnicodeDecodeError as found:
        return f"it is not UTF-8 (byte {found.start})"
    except UnicodeEncodeError:
        return "a text has half of a surrogate pair, as a character that was cut in two leaves it"
    except (ValueError, RecursionError):
        pass
    return str(error)


def _wrong_field(error: msgspec.ValidationError, shape: type) -> Invalid:
    problem = invalid_body(error)
    (place,) = problem.errors
    detail, pointer = place.detail, place.pointer
    if found := _FIELD.search(detail):
        pointer = f"{pointer}/{found[1].replace('~', '~0').replace('/', '~1')}"
    elif "matching regex" in detail:
        detail = "This text is blank or has characters that are not allowed here"
    elif words := _words_of(shape, pointer):
        detail = f"Expected one of {', '.join(words)}"
    return Invalid(
        f"{detail}{' at ' + pointer if pointer else ''}. Correct the body and send it again.",
        errors=[FieldError(pointer=pointer, detail=detail)],
    )


def _words_of(shape: type, pointer: str) -> list[str]:
    """The words a field may be; none where it may be any text, or is no text."""
    types = [one.type for one in msgspec.structs.fields(shape) if f"/{one.encode_name}" == pointer]
    alternatives = [*types, *(inner for one in types for inner in get_args(one))]
    return [word for one in alternatives if get_origin(one) is Literal for word in get_args(one)]


def _named_twice(body: str) -> Invalid:
    try:
        pointer = _place_of_second(_pairs.decode(body))
    except RecursionError:
        # What comes behind the second name may be nested without end.
        pointer = ""
    detail = f"The field {pointer[:100] or 'of an inner object'} is there twice"
    return Invalid(
        f"{detail}. Correct the body and send it again.",
        errors=[FieldError(pointer=pointer, detail=detail)],
    )


class _NameTwice(Exception):
    """An object in a body has one name twice. Its place is looked for only then."""


class _Pairs(tuple[tuple[str, object], ...]):
    """A JSON object with all its names, also those that are there twice."""


def _no_name_twice(pairs: list[tuple[str, object]]) -> None:
    if len(pairs) != len({name for name, _ in pairs}):
        raise _NameTwice


def _place_of_second(document: object) -> str:
    """The pointer to a name that is there twice; empty if there is none."""
    places = [("", document)]
    while places:
        at, value = places.pop()
        inside: Iterable[tuple[object, object]] = ()
        if isinstance(value, _Pairs):
            inside = value
        elif isinstance(value, list):
            inside = enumerate(value)
        seen = set()
        for name, inner in inside:
            place = f"{at}/{str(name)[:100].replace('~', '~0').replace('/', '~1')}"
            if name in seen:
                return place
            seen.add(name)
            places.append((place, inner))
    return ""


_names_once = json.JSONDecoder(object_pairs_hook=_no_name_twice)
_pairs = json.JSONDecoder(object_pairs_hook=_Pairs)


def _decoder_of(shape: type[_T]) -> msgspec.json.Decoder[_T]:
    # Making one takes longer than reading a body with it.
    if shape not in _decoders:
        _decoders[shape] = msgspec.json.Decoder(shape)
    return _decoders[shape]


_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
