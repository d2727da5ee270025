"""The table of who may: every command with fields that name real things, and the least role that is let through."""

from collections.abc import Mapping

Fields = Mapping[str, object]

ANYBODY, MEMBER, ADMIN, OWNER = "anybody", "member", "admin", "owner"
"""`anybody` is signed in."""

INSTALLATION = "installation"
"""Its owner: no role in an organization lets anybody through."""

TASK = {"task_id": "task_id"}
SESSION = {**TASK, "session_id": "session_id"}
REPOSITORY = {"repository_id": "repository_id"}
ORGANIZATION = {"organization_id": "organization_id"}
COLLEAGUE = {**ORGANIZATION, "user_id": "colleague_id"}

COMMANDS: dict[str, tuple[str, Fields, Fields]] = {
    # name: (least role, fields that are ids of the scene, other fields)
    "user.create": (ADMIN, {}, {"name": "Friend"}),
    "token.create": (ANYBODY, {}, {}),
    "organization.create": (ANYBODY, {}, {"name": "Own"}),
    "organization.select": (MEMBER, ORGANIZATION, {}),
    "organization.update": (ADMIN, ORGANIZATION, {"name": "Renamed"}),
    "organization.add_member": (ADMIN, COLLEAGUE, {"role": "member"}),
    "organization.set_role": (ADMIN, COLLEAGUE, {"role": "member"}),
    "organization.remove_member": (ADMIN, COLLEAGUE, {}),
    "organization.sync": (ADMIN, ORGANIZATION, {}),
    "repository.add": (MEMBER, ORGANIZATION, {"remote_url": "https://git.example/other"}),
    "repository.refresh": (MEMBER, REPOSITORY, {}),
    "repository.act": (MEMBER, REPOSITORY, {"action": "sync_repo"}),
    "task.create": (MEMBER, REPOSITORY, {"prompt": "true"}),
    "task.rename": (MEMBER, TASK, {"title": "Other"}),
    "task.rename_branch": (MEMBER, TASK, {"branch": "other"}),
    "task.push": (MEMBER, TASK, {}),
    "task.merge": (MEMBER, TASK, {}),
    "task.publish_pull_request": (MEMBER, TASK, {}),
    "task.revert_file": (MEMBER, TASK, {"path": "hello.txt"}),
    "task.select": (MEMBER, TASK, {}),
    "agent_session.create": (MEMBER, TASK, {}),
    "agent_session.send": (MEMBER, SESSION, {"text": "true"}),
    "agent_session.cancel_message": (MEMBER, {**SESSION, "message_id": "message_id"}, {}),
    "agent_session.stop": (MEMBER, SESSION, {}),
    "agent_session.answer": (MEMBER, SESSION, {"request_id": "1", "option_id": "allow"}),
    "agent_session.rename": (MEMBER, SESSION, {"name": "Other"}),
    "agent_session.change_model": (MEMBER, SESSION, {"model": "other"}),
    "agent_session.set_unread": (MEMBER, SESSION, {"unread": True}),
    "agent_session.update_draft": (MEMBER, SESSION, {"text": "draft"}),
    "agent_session.close": (MEMBER, SESSION, {}),
    "process.start": (MEMBER, TASK, {"command": "true"}),
    "process.write": (MEMBER, {"process_id": "process_id"}, {"text": "x"}),
    "process.stop": (MEMBER, {"process_id": "process_id"}, {}),
    "issue.resolve": (MEMBER, TASK, {"issue_id": "iss_none"}),
    "job.cancel": (MEMBER, {"job_id": "job_id"}, {}),
    "job.retry": (MEMBER, {"job_id": "job_id"}, {}),
    "task.archive": (MEMBER, TASK, {}),
    "task.kill": (MEMBER, TASK, {}),
    "token.revoke": (ANYBODY, {"token_id": "spare_token_id"}, {}),
    "repository.remove": (MEMBER, REPOSITORY, {}),
    "poison.retry": (INSTALLATION, {"aggregate_id": "task_id"}, {}),
    "poison.skip": (INSTALLATION, {"aggregate_id": "task_id"}, {}),
}
"""All commands; those that destroy come last."""

VIEWS: dict[str, str] = {
    "workspace": "organization_id",
    "repository": "repository_id",
    "task": "task_id",
    "files": "task_id",
    "processes": "task_id",
    "job": "job_id",
    "transcript": "session_id",
}

PATHS = (
    "/v1/history/{task_id}",
    "/v1/history/{organization_id}",
    "/v1/diffs/{task_id}",
    "/v1/files/{task_id}/content?path=hello.txt",
    "/v1/why/task/{task_id}?field=/title",
    "/v1/tasks?organization_id={organization_id}",
)
