"""compose.yaml and the files of deploy/ agree with each other and with the code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from foundry.patient_protocol import HEAD_BYTES
from runtime.http import DISCARD_LIMIT
from runtime.problems import TITLES
from runtime.settings import load
from tests.deploy.compose_file import ROOT, read_compose, variables_in, with_variables
from tests.deploy.routing import route_of, upstreams
from tests.deploy.topology import SECRETS

DEPLOY = ROOT / "deploy"
COMPOSE = read_compose()
OURS = {
    name: service for name, service in COMPOSE["services"].items() if service["image"] == "foundry"
}
PORT = "7741"


def test_every_role_has_a_service_and_readers_have_two() -> None:
    roles = sorted(tuple(service["command"]) for service in OURS.values())

    assert roles == [
        ("serve", "commands"),
        ("serve", "read"),
        ("serve", "read"),
        ("serve", "workers"),
    ]


def test_the_log_is_kept_three_times_on_servers_of_2_15() -> None:
    servers = {
        name: service
        for name, service in COMPOSE["services"].items()
        if service["image"] == "nats:2.15-alpine"
    }

    assert set(servers) == {"nats-1", "nats-2", "nats-3"}
    assert all(servers[name]["volumes"][-1] == f"{name}:/data" for name in servers)
    for service in OURS.values():
        assert service["environment"]["FOUNDRY_NATS_REPLICAS"] == "3"
        assert service["depends_on"] == {name: {"condition": "service_healthy"} for name in servers}


def test_no_secret_has_a_default() -> None:
    written = (ROOT / "compose.yaml").read_text()
    kinds: dict[str, set[str | None]] = {}
    for name, kind, _ in variables_in(written):
        kinds.setdefault(name, set()).add(kind)

    for secret in SECRETS:
        assert "?" in kinds[secret]
        assert "-" not in kinds[secret]
    with pytest.raises(KeyError):
        with_variables(COMPOSE, {})


def test_the_example_of_an_environment_names_every_variable_and_no_secret() -> None:
    example = (DEPLOY / "example.env").read_text()
    named = re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE)
    used = {name: word for name, _, word in variables_in((ROOT / "compose.yaml").read_text())}

    assert {name for name, _ in named} == set(used)
    for name, value in named:
        assert value == ("" if name in SECRETS else used[name])


def test_only_ports_of_this_machine_are_published_unless_told() -> None:
    published = {
        name: service["ports"]
        for name, service in with_variables(COMPOSE, SECRETS)["services"].items()
        if "ports" in service
    }

    assert published == {
        "proxy": ["127.0.0.1:7741:8080"],
        "prometheus": ["127.0.0.1:9090:9090"],
    }


def test_the_owners_token_is_given_to_those_who_are_asked_and_not_to_where_agents_run() -> None:
    given = {name for name, service in OURS.items() if "FOUNDRY_TOKEN" in service["environment"]}

    assert given == {"commands", "read-1", "read-2"}


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_node_are_known_and_ask_for_replicas(name: str) -> None:
    environment = with_variables(OURS[name]["environment"], SECRETS)

    settings = load(environment)

    assert settings.address == ("0.0.0.0", int(PORT))
    assert settings.require_durability == "replicated"
    assert settings.nats_url is not None


@pytest.mark.parametrize("name", OURS)
def test_a_node_is_given_the_time_its_drain_takes(name: str) -> None:
    drain = load(with_variables(OURS[name]["environment"], SECRETS)).drain_seconds

    assert int(OURS[name]["stop_grace_period"].removesuffix("s")) > drain + 5


def test_systemd_stops_serve_alone_and_gives_it_the_time_its_drain_takes() -> None:
    written = (DEPLOY / "foundry.service").read_text()
    unit = dict(re.findall(r"^(\w+)=(.*)$", written, re.MULTILINE))

    assert unit["KillMode"] == "mixed"
    assert int(unit["TimeoutStopSec"]) > load({}).drain_seconds + 5
    assert unit["StateDirectoryMode"] == "0700"


def test_no_two_containers_share_a_data_folder() -> None:
    volumes = [
        volume
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", ())
        if not volume.startswith(("./", "$"))
    ]

    assert len(set(volumes)) == len(volumes)
    assert {volume.partition(":")[0] for volume in volumes} == set(COMPOSE["volumes"])
    for service in OURS.values():
        assert service.get("scale", 1) == 1 or "volumes" not in service


def test_the_proxy_knows_every_node_that_answers_people() -> None:
    assert upstreams() == {
        "commands": {f"commands:{PORT}"},
        "read": {f"read-1:{PORT}", f"read-2:{PORT}"},
    }
    assert set(COMPOSE["services"]["proxy"]["depends_on"]) == {"commands", "read-1", "read-2"}


def test_every_route_of_the_system_reaches_a_node_that_has_it() -> None:
    for path in ("/v1/commands", "/v1/commands/task.create", "/v1/login", "/v1/logout"):
        assert route_of(path).upstream == "commands"
    for path in (
        "/v1/views/app",
        "/v1/stream",
        "/v1/stream/one.abc/interest",
        "/v1/openapi.json",
        "/v1/operator/rebuild/workspace",
        "/problems/draining",
        "/healthz",
        "/",
    ):
        assert route_of(path).upstream == "read"


def test_only_what_may_happen_twice_is_sent_to_a_second_node() -> None:
    assert route_of("/v1/commands/task.create").again
    assert route_of("/v1/stream").again
    assert not route_of("/v1/login").again
    assert not route_of("/v1/operator/rebuild/workspace").again


def test_the_proxy_takes_heads_and_bodies_that_nodes_take_and_refuses_more_in_their_words() -> None:
    written = (DEPLOY / "nginx.conf").read_text()
    (head,) = re.findall(r"large_client_header_buffers \d+ (\d+)k;", written)
    (body,) = re.findall(r"client_max_body_size (\d+)m;", written)
    said = [json.loads(text) for text in re.findall(r"return (?:4|5)\d\d '(.*)';", written)]

    assert int(head) << 10 == HEAD_BYTES
    assert int(body) << 20 > DISCARD_LIMIT
    assert {problem["code"]: problem["status"] for problem in said} == {
        "unavailable": 503,
        "too_large": 413,
        "malformed": 400,
    }
    assert all(problem["title"] == TITLES[problem["status"]] for problem in said)


def test_prometheus_asks_every_node() -> None:
    written = (DEPLOY / "prometheus.yml").read_text()
    asked = set(re.findall(rf'"([\w-]+):{PORT}"', written)) | set(
        re.findall(r"names: \[(\w+)\]", written)
    )

    assert asked == set(OURS)


def test_every_file_that_is_mounted_is_there() -> None:
    mounted = {
        volume.split(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    }

    assert mounted
    assert all((ROOT / path).is_file() for path in mounted)


def test_the_image_runs_as_nobody_special_and_ends_on_sigterm() -> None:
    instructions = _instructions(ROOT / "Dockerfile")

    assert instructions["USER"] == "foundry"
    assert instructions["STOPSIGNAL"] == "SIGTERM"
    assert instructions["EXPOSE"] == PORT
    assert "/healthz" in instructions["HEALTHCHECK"]
    assert json.loads(instructions["ENTRYPOINT"]) == ["foundry"]


def test_the_image_gets_no_secrets_and_no_data() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert {".env", "data", ".git", ".venv"} <= set(ignored)


def _instructions(path: Path) -> dict[str, Any]:
    """The last instruction of each kind."""
    joined = path.read_text().replace("\\\n", " ")
    return {
        found[1]: found[2].strip()
        for found in re.finditer(r"^([A-Z]+) (.*)$", joined, re.MULTILINE)
    }
