"""The environment, as people and scripts set it: settings, or an error that names the one that is wrong."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from commands.credentials import SECRET_LIMIT
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
        # What the system's clocks take: `time.sleep` and timers raise on far more.
        assert 0 <= seconds <= 31_536_000
    assert min(settings.max_streams, settings.max_requests, settings.max_agents) >= 1


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("FOUNDRY_DRAIN_SECONDS", "nan", "a number of seconds, 0 or more"),
        ("FOUNDRY_DRAIN_SECONDS", "soon", "a number of seconds, 0 or more"),
        ("FOUNDRY_HEARTBEAT_SECONDS", "0", "a number of seconds, more than 0"),
        ("FOUNDRY_STAGE_SECONDS", "inf", "a number of seconds, more than 0"),
        ("FOUNDRY_MAX_REQUESTS", "0", "a whole number of 1 or more"),
        ("FOUNDRY_MAX_STREAMS", "1.5", "a whole number of 1 or more"),
        ("FOUNDRY_NATS_REPLICAS", "x", "a whole number from 1 to 5"),
        ("FOUNDRY_NATS_REPLICAS", "6", "a whole number from 1 to 5"),
        ("FOUNDRY_DRAIN_SECONDS", "1e300", "31536000 at most"),
        ("FOUNDRY_HOST_AWAY_SECONDS", "1e10", "31536000 at most"),
        ("FOUNDRY_DURABILITY", "fast", "fsync or os"),
        ("FOUNDRY_REQUIRE_DURABILITY", "yes", "fsync or replicated"),
        ("FOUNDRY_LOG_LEVEL", "loud", "debug, "),
        ("FOUNDRY_LISTEN", "localhost", "host:port"),
        ("FOUNDRY_LISTEN", "localhost:65536", "host:port"),
        ("FOUNDRY_NATS_URL", "http://127.0.0.1:4222", "nats://host:port"),
        ("FOUNDRY_NATS_URL", "nats://127.0.0.1:port", "nats://host:port"),
        ("FOUNDRY_NATS_URL", "nats://127.0.0.1:65536", "nats://host:port"),
        ("FOUNDRY_NATS_MONITOR_URL", "127.0.0.1:8222", "http://host:port"),
        ("FOUNDRY_ALLOWED_ORIGINS", "example.org", "https://example.org"),
        ("FOUNDRY_HOST", "../up", "a name"),
        ("FOUNDRY_SANDBOX_AGENT_TOKEN", "clé", "letters, digits and signs of ASCII"),
        ("FOUNDRY_SANDBOX_AGENT_URL", "127.0.0.1:2468", "http://host:port"),
        ("FOUNDRY_SANDBOX_AGENT_FOLDER", "here", "an absolute path"),
        ("FOUNDRY_TOKEN", "two words", "without blanks"),
        # Nobody could sign in with it.
        ("FOUNDRY_TOKEN", "t" * (SECRET_LIMIT + 1), "4,096 of them at most"),
        ("FOUNDRY_DATA", "\udcff", "UTF-8"),
        ("FOUNDRY_DURABILITY", "\udcff", "UTF-8"),
        ("FOUNDRY_TOKEN", "", "is empty"),
        ("FOUNDRY_DATA", "", "is empty"),
        ("FOUNDRY_NATS_URL", "", "is empty"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_can(
    name: str, value: str, wanted: str
) -> None:
    with pytest.raises(BadSetting) as refusal:
        load({name: value})

    assert str(refusal.value).startswith(name)
    assert wanted in str(refusal.value)
    assert "two words" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOUNDRY_LISTEN", ":7741"),
        ("FOUNDRY_LISTEN", "[::1]:7741"),
        ("FOUNDRY_NATS_URL", "nats://me:12345678@one:4222, tls://[::1]:4222,two"),
        ("FOUNDRY_ALLOWED_ORIGINS", "https://example.org http://127.0.0.1:5173,"),
        ("FOUNDRY_ALLOWED_ORIGINS", ""),
        ("FOUNDRY_SANDBOX_AGENT_URL", "https://agents.example/v1"),
        ("FOUNDRY_HOST", "worker-1.example"),
        ("FOUNDRY_TOKEN", "t" * SECRET_LIMIT),
    ],
)
def test_every_shape_a_value_may_have_is_taken(name: str, value: str) -> None:
    load({name: value})


def test_other_sites_are_allowed_as_browsers_name_them() -> None:
    given = (
        "https://Example.org:443, http://EXAMPLE.org:80 http://[::1]:8080 https://example.org:80"
    )

    origins = load({"FOUNDRY_ALLOWED_ORIGINS": given}).origins

    assert origins == (
        *("https://example.org", "http://example.org"),
        *("http://[::1]:8080", "https://example.org:80"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FOUNDRY_NATS_CREDS", "node.creds"),
        ("FOUNDRY_NATS_CA", "ca.pem"),
        ("FOUNDRY_NATS_MONITOR_URL", "http://one:8222,https://two/nats"),
    ],
)
def test_what_is_of_an_outside_server_is_refused_without_its_address(name: str, value: str) -> None:
    with pytest.raises(
        BadSetting, match=f"{name} is of an outside NATS server, and FOUNDRY_NATS_URL"
    ):
        load({name: value})

    load({name: value, "FOUNDRY_NATS_URL": "nats://one:4222"})


def test_a_relative_path_that_starts_nowhere_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_utf8, removed = tmp_path / os.fsdecode(b"\xff"), tmp_path / "removed"
    for folder in (not_utf8, removed):
        folder.mkdir()
        monkeypatch.chdir(folder)
        if folder == removed:
            removed.rmdir()

        with pytest.raises(BadSetting, match="FOUNDRY_DATA is data, below the folder"):
            assert load({"FOUNDRY_DATA": "data"}).data_folder
        assert load({"FOUNDRY_DATA": str(tmp_path)}).data_folder == tmp_path
