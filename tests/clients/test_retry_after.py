"""What a proxy says about coming back, however odd it is."""

import httpx
import pytest

from foundry_client.problem import retry_after_ms


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("3", 3_000, 3_000),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1, 10**15),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 0, 0),
        ("Sun, 06 Nov 99999 08:49:37 GMT", 0, 0),
        ("Sun, 06 Nov 999999999999999999999 08:49:37 GMT", 0, 0),
        ("soon", 0, 0),
        ("", 0, 0),
    ],
)
def test_when_to_come_back_is_read_as_seconds_or_a_date_and_else_passed_over(
    said: str, least: int, most: int
) -> None:
    answer = httpx.Response(503, headers={"Retry-After": said})

    assert least <= retry_after_ms(answer) <= most
