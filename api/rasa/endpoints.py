"""/internal/rasa/actions: where Rasa calls our custom action. Nobody else has the token."""

import json
from typing import Any

from fastapi import APIRouter, Request
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.state import StateDep
from core.security import derive_token, same

router = APIRouter(prefix="/internal/rasa", include_in_schema=False)

# The call carries the conversation as Rasa knows it, which is longer than any message.
_CALL_BYTES = 4 * 1024 * 1024


@router.post("/actions", max_body_size=_CALL_BYTES)
async def run_action(request: Request, state: StateDep) -> dict[str, Any]:
    expected = f"Bearer {derive_token(state.settings, 'rasa actions')}"
    if not same(request.headers.get("Authorization", ""), expected):
        raise HTTPException(401)
    executor: ActionExecutor = request.app.state.executor
    try:
        call = json.loads(await request.body())
        result = await executor.run(call)
    except (ActionExecutionRejection, ActionNotFoundException, ValueError, ClientDisconnect) as error:
        raise HTTPException(400) from error
    return result.model_dump() if result else {"events": [], "responses": []}
