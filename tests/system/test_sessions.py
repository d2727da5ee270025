"""Agent sessions: output, errors, a second one, stopping, closing, drafts and marks."""

from tests.system.client import Accepted, Client
from tests.system.people import PROVISIONED_WITHIN, House, turn_is_over


def of(created: Accepted) -> dict[str, str]:
    """The ids that name a task's first session."""
    return {name: created.ids[name] for name in ("task_id", "session_id")}


async def test_errors_and_the_exit_code_are_seen_in_the_transcript(house: House) -> None:
    created = await house.finished_task("echo out; echo err >&2; exit 3")

    entries = (await house.owner.data(f"transcript/{created.ids['session_id']}"))["entries"]

    said = {entry.get("text"): entry["kind"] for entry in entries}
    assert said["err\n"] == "stderr"
    assert said["out\n"] != "stderr"
    assert "'exit_code': 3" in str(entries)
    task = await house.owner.data(f"task/{created.ids['task_id']}")
    assert task["status"] == "idle"


async def test_the_longest_prompt_there_is_reaches_the_agent_whole(house: House) -> None:
    prompt = "wc -c <<'end'\n" + '"' * 140_000 + "x" * 122_000 + "\nend"

    created = await house.finished_task(prompt)

    entries = (await house.owner.data(f"transcript/{created.ids['session_id']}"))["entries"]
    assert [one["text"].strip() for one in entries if one["sender"] == "agent"] == ["262001"]
    assert (await house.owner.data(f"task/{created.ids['task_id']}"))["prompt"] == prompt


async def test_a_second_session_works_in_the_same_sandbox(house: House) -> None:
    created = await house.finished_task("echo from the first > shared.txt")
    task_id = created.ids["task_id"]

    session = await house.owner.command("agent_session.create", task_id=task_id, name="Second")
    session_id = session.ids["session_id"]
    sent = await house.owner.command(
        "agent_session.send", task_id=task_id, session_id=session_id, text="cat shared.txt"
    )

    await _over(house.owner, task_id, sent)
    entries = (await house.owner.data(f"transcript/{session_id}"))["entries"]
    assert [one["text"] for one in entries if one["sender"] == "agent"] == ["from the first\n"]
    task = await house.owner.data(f"task/{task_id}")
    assert {one["name"] for one in task["sessions"]} >= {"Second"}


async def test_a_running_turn_is_stopped(house: House) -> None:
    created = await house.create_task("echo begun; sleep 100; echo never")
    await _said(house.owner, created.ids["session_id"], "begun")

    await house.owner.command("agent_session.stop", **of(created))

    topic = f"task/{created.ids['task_id']}"
    async with house.owner.stream(topic) as stream:
        task = await stream.until_data(topic, turn_is_over, within=20)
    (session,) = task["sessions"]
    assert (session["status"], session["thinking_since_at"]) == ("idle", None)
    await house.owner.command("agent_session.send", **of(created), text="echo again")
    await _said(house.owner, created.ids["session_id"], "again")
    entries = (await house.owner.data(f"transcript/{created.ids['session_id']}"))["entries"]
    assert "never\n" not in [entry["text"] for entry in entries if entry["sender"] == "agent"]


async def test_a_closed_session_takes_no_more_messages(house: House) -> None:
    created = await house.finished_task("true")

    await house.owner.command("agent_session.close", **of(created))
    refused = await house.owner.refused("agent_session.send", **of(created), text="echo more")

    assert refused["status"] == 422
    task = await house.owner.data(f"task/{created.ids['task_id']}")
    assert [session["status"] for session in task["sessions"]] == ["closed"]


async def test_a_session_is_renamed_and_gets_another_model(house: House) -> None:
    created = await house.create_task()

    await house.owner.command("agent_session.rename", **of(created), name="Main")
    changed = await house.owner.command("agent_session.change_model", **of(created), model="m-2")

    task = await house.owner.data(f"task/{created.ids['task_id']}", at_least=changed.position)
    (session,) = task["sessions"]
    assert (session["name"], session["model"]) == ("Main", "m-2")


async def test_drafts_marks_and_selections_are_the_callers_own(house: House) -> None:
    created = await house.create_task()
    ids = of(created)
    session_id = ids["session_id"]

    await house.owner.command("agent_session.update_draft", **ids, text="half a thou")
    await house.owner.command("agent_session.set_unread", **ids, unread=True)
    await house.owner.command("task.select", task_id=ids["task_id"])
    selected = await house.owner.command(
        "organization.select", organization_id=house.organization_id
    )
    app = await house.owner.data("app", at_least=selected.position)
    sent = await house.owner.command("agent_session.send", **ids, text="a thought")
    later = await house.owner.data("app", at_least=sent.position)

    assert app["active_organization_id"] == house.organization_id
    (organization,) = [one for one in app["organizations"] if one["id"] == house.organization_id]
    assert organization["selected_task_id"] == ids["task_id"]
    (session,) = [one for one in app["sessions"] if one["id"] == session_id]
    assert session["unread"] is True
    assert "half a thou" in str(session["draft"])
    (after,) = [one for one in later["sessions"] if one["id"] == session_id]
    assert not after["draft"] or "half a thou" not in str(after["draft"])


async def test_an_answer_to_no_question_is_refused(house: House) -> None:
    created = await house.finished_task("true")

    answer = await house.owner.submit(
        "agent_session.answer", **of(created), request_id="nothing", option_id="allow"
    )

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_agent_is_refused_with_the_known_ones(house: House) -> None:
    refused = await house.owner.refused(
        "task.create", repository_id=house.repository_id, prompt="true", agent="nobody"
    )

    assert refused["status"] == 422
    assert "shell" in refused["detail"]


async def _over(client: Client, task_id: str, message: Accepted) -> None:
    """Wait until the turn of a message is over. Before the node has read it, all is over as well."""
    topic = f"task/{task_id}"
    await client.data(topic, at_least=message.position)
    async with client.stream(topic) as stream:
        await stream.until_data(topic, turn_is_over, PROVISIONED_WITHIN)


async def _said(client: Client, session_id: str, word: str) -> None:
    """Wait until the agent said a word."""
    topic = f"transcript/{session_id}"
    async with client.stream(topic) as stream:
        await stream.until_data(
            topic,
            lambda data: any(
                word in (entry.get("text") or "")
                for entry in data["entries"]
                if entry["sender"] == "agent"
            ),
            PROVISIONED_WITHIN,
        )
