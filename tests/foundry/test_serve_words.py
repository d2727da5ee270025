"""What `serve` prints once it is ready."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import pytest

from commands.login_codes import LoginCodes
from events.ids import Timestamp
from foundry.serve import ALL, _say_where_to_go, _tell_machines


class Pieces(io.BytesIO):
    """A pipe that knows what it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, piece: Any, /) -> int:
        self.pieces.append(bytes(piece))
        return len(self.pieces[-1])


@pytest.mark.parametrize("say", [_say_where_to_go, _tell_machines])
def test_who_reads_the_first_line_only_does_not_end_the_node(say: Callable[..., None]) -> None:
    """A second piece would find a pipe that `head -1` has closed."""
    pieces = Pieces()
    out = io.TextIOWrapper(pieces, line_buffering=True)

    with redirect_stdout(out):
        say("http://here", LoginCodes(lambda: Timestamp(1)), ALL, "token", 1.0)

    (piece,) = filter(None, pieces.pieces)
    assert piece.endswith(b"\n")
