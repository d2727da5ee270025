"""Every command by its name on the wire."""

from typing import TypeAlias

from commands.job import CancelJob, JobCommand, RetryJob
from commands.log import LogCommand, RetryPoison, SkipPoison
from commands.organization_commands import (
    AddMember,
    AddRepository,
    CreateOrganization,
    OrganizationCommand,
    RemoveMember,
    RemoveRepository,
    SetRole,
    SyncOrganization,
    UpdateOrganization,
)
from commands.repository import RefreshRepository, RepositoryCommand
from commands.stack import ActOnRepository
from commands.task_commands import (
    AnswerPermission,
    ArchiveTask,
    CancelMessage,
    ChangeModel,
    CloseSession,
    CreateSession,
    CreateTask,
    KillTask,
    MergeTask,
    PublishPullRequest,
    PushTask,
    RenameBranch,
    RenameSession,
    RenameTask,
    ResolveIssue,
    RevertFile,
    SendMessage,
    StartProcess,
    StopProcess,
    StopSession,
    TaskCommand,
    WriteProcess,
)
from commands.user_commands import (
    CreateToken,
    CreateUser,
    RevokeToken,
    SelectOrganization,
    SelectTask,
    SetUnread,
    UpdateDraft,
    UserCommand,
)

AnyCommand: TypeAlias = (
    UserCommand | OrganizationCommand | RepositoryCommand | TaskCommand | JobCommand | LogCommand
)

CATALOG: dict[str, type[AnyCommand]] = {
    "user.create": CreateUser,
    "token.create": CreateToken,
    "token.revoke": RevokeToken,
    "organization.create": CreateOrganization,
    "organization.select": SelectOrganization,
    "organization.update": UpdateOrganization,
    "organization.add_member": AddMember,
    "organization.set_role": SetRole,
    "organization.remove_member": RemoveMember,
    "organization.sync": SyncOrganization,
    "repository.add": AddRepository,
    "repository.remove": RemoveRepository,
    "repository.refresh": RefreshRepository,
    "repository.act": ActOnRepository,
    "task.create": CreateTask,
    "task.rename": RenameTask,
    "task.rename_branch": RenameBranch,
    "task.push": PushTask,
    "task.merge": MergeTask,
    "task.publish_pull_request": PublishPullRequest,
    "task.revert_file": RevertFile,
    "task.archive": ArchiveTask,
    "task.kill": KillTask,
    "task.select": SelectTask,
    "agent_session.create": CreateSession,
    "agent_session.send": SendMessage,
    "agent_session.cancel_message": CancelMessage,
    "agent_session.stop": StopSession,
    "agent_session.close": CloseSession,
    "agent_session.answer": AnswerPermission,
    "agent_session.rename": RenameSession,
    "agent_session.change_model": ChangeModel,
    "agent_session.set_unread": SetUnread,
    "agent_session.update_draft": UpdateDraft,
    "process.start": StartProcess,
    "process.write": WriteProcess,
    "process.stop": StopProcess,
    "job.cancel": CancelJob,
    "job.retry": RetryJob,
    "issue.resolve": ResolveIssue,
    "poison.retry": RetryPoison,
    "poison.skip": SkipPoison,
}
