"""The protocol's messages, as far as a client has to make or understand them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from events.agent_session import PermissionOption, StopReason
from events.fact import Attachment
from workflows.json_rpc import Message

PROTOCOL_VERSION = 1

TITLE_LENGTH = 12_000
GOES_ON = "… (the question goes on; all of it stands in the transcript)"
"""What a question asks becomes part of a fact, of a task's rows, and of what a person reads before they answer."""

AUTHENTICATION_REQUIRED = -32000
"""The code of the error with which an agent wants to be logged in."""

CLIENT = {
    "protocolVersion": PROTOCOL_VERSION,
    "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}},
    "clientInfo": {"name": "foundry", "title": "Foundry", "version": "1"},
}
"""Who asks and what it can do: an agent works on the files of its sandbox itself."""


@dataclass(frozen=True)
class Abilities:
    version: object
    resume_method: str | None
    """How to take an earlier session up; the second way replays what was said, the first does not."""
    key_logins: tuple[str, ...]
    """Ways to log in with a key that stands in the agent's environment. All others need a person beside it."""


def abilities_of(initialized: dict[str, object]) -> Abilities:
    """What an agent answered to `initialize`."""
    able = _object(initialized.get("agentCapabilities"))
    resume = None
    if able.get("loadSession") is True:
        resume = "session/load"
    if _object(able.get("sessionCapabilities")).get("resume") is not None:
        resume = "session/resume"
    logins = initialized.get("authMethods")
    by_key = tuple(
        one["id"]
        for one in (logins if isinstance(logins, list) else ())
        if isinstance(one, dict) and one.get("type") == "env_var" and isinstance(one.get("id"), str)
    )
    return Abilities(initialized.get("protocolVersion"), resume, by_key)


def prompt_of(text: str, attachments: Sequence[Attachment]) -> list[dict[str, object]]:
    """A message as the blocks of a prompt: places in files are links, which every agent understands."""
    links: list[dict[str, object]] = []
    for one in attachments:
        place = one.path if one.line is None else f"{one.path}#L{one.line}"
        link: dict[str, object] = {"type": "resource_link", "name": one.path, "uri": place}
        links.append(link | ({"description": one.text} if one.text else {}))
    return [{"type": "text", "text": text}, *links]


def stop_reason_of(result: dict[str, object]) -> StopReason:
    """Why a turn ended; a word that is not known (yet) is an end like any other."""
    for reason in _STOP_REASONS:
        if result.get("stopReason") == reason:
            return reason
    return "end_turn"


def permission_question(request: Message) -> tuple[str, tuple[PermissionOption, ...]] | None:
    """Title and options of a permission request; None if it is another request, or asks nothing."""
    if request.get("method") != "session/request_permission":
        return None
    params = _object(request.get("params"))
    given = params.get("options")
    options: dict[str, PermissionOption] = {}
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict) and isinstance(id := one.get("optionId"), str):
            # Of two by one name nobody could choose the second.
            name, kind = str(one.get("name", "")), str(one.get("kind", ""))
            options.setdefault(id, PermissionOption(id=id, name=name, kind=kind))
    title = _object(params.get("toolCall")).get("title")
    if not isinstance(title, str):
        title = "The agent asks for permission."
    elif len(title) > TITLE_LENGTH:
        title = title[:TITLE_LENGTH] + GOES_ON
    return title, tuple(options.values())


def outcome_of(chosen: str | None, options: Sequence[PermissionOption]) -> dict[str, object]:
    """The answer to a permission request; what was not offered cannot be chosen."""
    if chosen is None or all(option.id != chosen for option in options):
        return {"outcome": {"outcome": "cancelled"}}
    return {"outcome": {"outcome": "selected", "optionId": chosen}}


def option_to(do: Literal["allow", "reject"], options: Sequence[PermissionOption]) -> str | None:
    """The option that does so, this once rather than for good: that would be a rule which the agent keeps and nobody sees."""
    fitting = [option for option in options if option.kind.startswith(do)]
    best = min(fitting, key=lambda option: option.kind != f"{do}_once", default=None)
    return best.id if best is not None else None


def model_choice(session: dict[str, object], model: str) -> tuple[str, dict[str, object]] | None:
    """The method and parameters that have a session use a model; None if it does not offer this one.

    `session` is the answer with which it was opened. There are two ways: an option, and before there
    were options a list of models.
    """
    for option in _model_options(session):
        if model in _values(option.get("options")):
            return "session/set_config_option", {"configId": option["id"], "value": model}
    if model in _listed_models(session):
        return "session/set_model", {"modelId": model}
    return None


def offered_models(session: dict[str, object]) -> list[str]:
    """The models that `model_choice` finds."""
    options = [_values(option.get("options")) for option in _model_options(session)]
    return [
        model
        for models in (*options, _listed_models(session))
        for model in models
        if isinstance(model, str)
    ]


_STOP_REASONS: tuple[StopReason, ...] = (
    "end_turn",
    "max_tokens",
    "max_turn_requests",
    "refusal",
    "cancelled",
)


def _model_options(session: dict[str, object]) -> list[dict[str, object]]:
    options = session.get("configOptions")
    return [
        option
        for option in (options if isinstance(options, list) else ())
        if isinstance(option, dict)
        and "model" in (option.get("category"), option.get("id"))
        and isinstance(option.get("id"), str)
    ]


def _listed_models(session: dict[str, object]) -> list[object]:
    models = _object(session.get("models")).get("availableModels")
    return [
        one["modelId"]
        for one in (models if isinstance(models, list) else ())
        if isinstance(one, dict) and "modelId" in one
    ]


def _values(options: object) -> list[object]:
    found: list[object] = []
    for one in options if isinstance(options, list) else ():
        if isinstance(one, dict):
            found += [one["value"]] if "value" in one else _values(one.get("options"))
    return found


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
