"""Log lines: one JSON object each, whatever is in it, with the fields of all that is around and no secret."""

import io
import json
import logging

import pytest

from runtime import logs

log = logging.getLogger("tests.logs")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, logging_as_it_was: None) -> io.StringIO:
    """What stands on standard error."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("info")
    return stream


def lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().split("\n") if line]


def test_a_line_has_its_fields_and_those_around_it(written: io.StringIO) -> None:
    with logs.log_fields(request_id="r1", correlation_id="c1"), logs.log_fields(request_id="r2"):
        log.info("something happened", extra={"position": 7})
    log.info("something else happened")

    (inside, outside) = lines(written)
    assert inside["message"] == "something happened"
    assert (inside["request_id"], inside["correlation_id"], inside["position"]) == ("r2", "c1", 7)
    assert "request_id" not in outside


@pytest.mark.parametrize(
    "value", ["half a \ud83d character", "a\nline\u2028break", {1: "x"}, object()]
)
def test_any_value_makes_one_line(written: io.StringIO, value: object) -> None:
    log.warning("a strange value", extra={"value": value})

    (line,) = lines(written)
    assert (line["level"], line["message"]) == ("warning", "a strange value")


def test_secrets_in_addresses_are_left_out(written: io.StringIO) -> None:
    secret = "fdy_owner_" + "0a" * 24

    log.info("request answered", extra={"path": f"/v1/views/app?token={secret}"})

    assert secret not in written.getvalue()
    assert "fdy_…" in written.getvalue()


def test_an_error_comes_with_its_traceback(written: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        log.error("it failed", exc_info=error)

    (line,) = lines(written)
    assert "ValueError: broken" in str(line["error"])
