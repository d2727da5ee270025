"""An agent made with the protocol's own SDK: what our side of the protocol is checked against."""

import asyncio
from typing import Any, cast

import acp
from acp.schema import PermissionOption, ToolCallUpdate


class SdkAgent:
    _connection: acp.Client

    def on_connect(self, conn: acp.Client) -> None:
        self._connection = conn

    async def initialize(self, protocol_version: int, **_: Any) -> acp.InitializeResponse:
        return acp.InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, **_: Any) -> acp.NewSessionResponse:
        return acp.NewSessionResponse(session_id=f"sdk in {cwd}")

    async def prompt(self, prompt: list[Any], session_id: str, **_: Any) -> acp.PromptResponse:
        answer = await self._connection.request_permission(
            session_id=session_id,
            tool_call=ToolCallUpdate(tool_call_id="call_1", title="Do it"),
            options=[PermissionOption(option_id="yes", name="Yes", kind="allow_once")],
        )
        for text in (prompt[0].text, answer.outcome.outcome):
            await self._connection.session_update(
                session_id=session_id, update=acp.update_agent_message_text(text)
            )
        return acp.PromptResponse(stop_reason="max_tokens")


if __name__ == "__main__":
    asyncio.run(acp.run_agent(cast("acp.Agent", SdkAgent())))
