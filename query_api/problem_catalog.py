"""`GET /problems/{code}`: what each problem code means and what to do, so that a problem's `type` leads somewhere."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from query_api.visibility import unseen
from runtime.http import JsonResponse


class ProblemMeaning(Struct, frozen=True, kw_only=True):
    """One kind of problem. `meaning` says what happened and what to do next."""

    code: str
    status: int
    meaning: str


def _family(status: int, **meanings: str) -> dict[str, ProblemMeaning]:
    return {
        code: ProblemMeaning(code=code, status=status, meaning=meaning)
        for code, meaning in meanings.items()
    }


PROBLEMS: dict[str, ProblemMeaning] = {
    **_family(
        400,
        malformed="The request cannot be understood. Correct what `errors` and `detail` name; sent again as it is, it fails again.",
    ),
    **_family(
        401,
        unauthenticated="The request has no valid credential. Send a valid bearer token, or sign in again.",
    ),
    **_family(
        403,
        forbidden="You may see this but not do it. Somebody with a higher role in the organization can.",
    ),
    **_family(
        404,
        not_found="There is no such thing, or you may not see it. Both give the same answer on purpose.",
    ),
    **_family(
        405,
        method_not_allowed="This address does not take that method. The `Allow` header lists those it takes.",
    ),
    **_family(
        409,
        conflict="Others kept changing the same thing at the same time. Reload it and send the command again.",
        already_exists="That id or address is taken already. Use it, or choose another.",
    ),
    **_family(
        412,
        version_mismatch="A command changed it after the version you named. Read it again, then decide again.",
    ),
    **_family(
        413, too_large="The body is over the limit that `detail` names. Send less, or in parts."
    ),
    **_family(
        415,
        unsupported_media_type="The body is not of a type this address takes. Commands are `application/json`.",
    ),
    **_family(
        422,
        rejected="The present state does not allow it. Read the view, then choose differently.",
        key_reused="This `Idempotency-Key` was used with another body. Send a new key for a new command.",
        too_old="The history that had to be read is too long for one answer. Ask /v1/history page by page.",
        unknown_agent="This installation knows no such agent. `detail` lists those it has.",
        unknown_sandbox="This installation has no such provider of sandboxes. `detail` lists those it has.",
        last_owner="An organization keeps at least one owner. Make somebody else an owner first.",
        already_member="The user is a member already. `organization.set_role` changes the role.",
        tasks_running="Tasks of the repository are at work. Archive or kill them first.",
        task_over="The task is archived or killed, or about to be. Create a new one.",
        not_ready="The task has no sandbox yet, or its provisioning failed. Wait for it, or retry its job.",
        turn_running="An agent is at work on the branch. Wait for the end of its turn, or stop it.",
        job_open="Another job is doing the same in another way. Wait for its end, or cancel it.",
        stack_circle="A branch cannot be stacked on itself, not even through others. Choose another parent.",
        too_many_processes="The task runs as many processes as it may. Stop one, then start another.",
        process_over="The process has ended. Start another one.",
        session_closed="The agent session is closed. Create another one.",
        queue_full="Too many messages wait in this session, or too long ones. Send more when the agent has read some.",
        already_delivered="The agent has the message already. `agent_session.stop` ends its turn.",
        not_asked="The agent is not asking this, or no longer. Read the session again.",
        already_answered="Somebody has answered the agent's question already.",
        unknown_option="The agent did not offer this answer. `detail` lists those it did.",
        job_superseded="Another job was begun later for the same thing. Look at that one, or begin it anew.",
        job_ended="The job has ended. A failed one can be retried, the others are done.",
        too_many_topics="A stream carries a limited number of topics. Remove some, then add.",
    ),
    **_family(
        429,
        too_many_requests="Refused early so that admitted work stays fast. Wait as `Retry-After` says and try again.",
    ),
    **_family(
        500,
        internal="A defect of the server. Its log has the details; the same request may work later.",
    ),
    **_family(
        503,
        draining="This node is shutting down. Send the request again; another node, or the next one, takes it.",
        unavailable="The event store or something else needed cannot be reached. Try again as `Retry-After` says.",
        not_caught_up="This node has not reached the position you named. Try again, or read without it.",
        unreadable="This history holds something this version cannot read. `foundry doctor` names it.",
        rebuilding="This read model is being built anew. Try again; /readyz shows how far it is.",
    ),
}
"""Every code a problem document can carry."""


async def problem(request: Request) -> Response:
    """Needs no credential: it says nothing about any data."""
    meaning = PROBLEMS.get(request.path_params["code"])
    if meaning is None:
        raise unseen()
    return JsonResponse(meaning, headers={"Cache-Control": "public, max-age=86400"})
