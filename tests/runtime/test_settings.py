"""The environment, as people and scripts set it: settings, or an error that names the one that is wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from runtime.settings import BadSetting, Settings, load

NAMES = st.sampled_from([field.encode_name for field in fields(Settings)])
VALUES = st.text(max_size=12) | st.sampled_from(
    ("nan", "inf", "-inf", "-1", "0", "1e400", "9" * 5000, "127.0.0.1:0", ":", "[::1]:1", "x:65536")
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_values_are_settings_or_an_error(environ: dict[str, str]) -> None:
    try:
        settings = load(environ)
    except BadSetting as error:
        refusal = str(error)
    else:
        assert_usable(settings)
        return
    assert any(name in refusal for name in environ)


def assert_usable(settings: Settings) -> None:
    host, port = settings.address
    assert host
    assert 0 <= port < 65536
    for seconds in (settings.drain_seconds, settings.heartbeat_seconds, settings.host_away_seconds):
        assert math.isfinite(seconds)
        assert seconds >= 0
    assert min(settings.max_streams, settings.max_requests, settings.max_agents) >= 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOUNDRY_DRAIN_SECONDS", "nan"),
        ("FOUNDRY_HEARTBEAT_SECONDS", "0"),
        ("FOUNDRY_MAX_REQUESTS", "0"),
        ("FOUNDRY_LISTEN", "localhost"),
        ("FOUNDRY_LISTEN", "localhost:65536"),
        ("FOUNDRY_NATS_REPLICAS", "0"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        load({name: value})
