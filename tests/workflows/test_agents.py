from pathlib import Path

import pytest

from runtime.errors import Rejected
from tests.workflows.remote import PATH
from workflows.agents import BadAgents, environment_of, find_agent, known_agents


def test_the_shell_is_always_there() -> None:
    assert find_agent(known_agents(None), "shell", path=PATH).name == "shell"


@pytest.mark.parametrize(
    "text",
    [
        '{"mine": ["my-agent", "--acp"]}',
        'mine = ["my-agent", "--acp"]',
        '[mine]\ncommand = ["my-agent", "--acp"]\n',
    ],
)
def test_agents_are_declared_inline_or_in_a_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "agents"
    file.write_text(text)
    settings = [str(file), *([text] if text.startswith("{") else [])]

    for setting in settings:
        agents = known_agents(setting)
        assert agents["mine"].command == ("my-agent", "--acp")
        assert "shell" in agents


@pytest.mark.parametrize(
    "setting",
    [
        "{",
        '{"x": "y"}',
        '{"x": []}',
        '{"x": [""]}',
        '{"x": {"comand": ["y"]}}',
        "/nowhere",
        "{\ud800}",
    ],
)
def test_a_declaration_that_cannot_be_understood_names_the_setting(setting: str) -> None:
    with pytest.raises(BadAgents, match="FOUNDRY_AGENTS"):
        known_agents(setting)


def test_a_command_that_is_no_list_is_told_what_one_looks_like() -> None:
    with pytest.raises(BadAgents, match="a command as a list of words"):
        known_agents('{"mine": "program --acp"}')


def test_an_agent_that_is_not_known_or_not_installed_is_refused_with_the_way_out() -> None:
    agents = known_agents('{"mine": ["no-such-program"]}')

    with pytest.raises(Rejected, match=r"Choose one of .*shell") as unknown:
        find_agent(agents, "other", path=PATH)
    with pytest.raises(Rejected, match="no-such-program was not found") as missing:
        find_agent(agents, "mine", path=PATH)

    assert (unknown.value.code, missing.value.code) == ("agent_unknown", "agent_not_installed")


def test_an_agent_gets_the_variables_declared_for_it_only() -> None:
    agents = known_agents('{"mine": {"command": ["x"], "pass_on": ["KEY", "UNSET"]}}')

    assert environment_of(agents["mine"], {"KEY": "1", "OTHER": "2"}) == {"KEY": "1"}
    assert environment_of(agents["shell"], {"KEY": "1"}) == {}
