"""`/c`: a conversation on another device, by a code that can be read aloud or scanned."""

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.limits import trying_a_code
from api.pages import citizen
from api.pages.citizen import BegunChat, FromThisSite, OwnChat
from api.pages.rendering import page
from api.problems import status_of
from api.state import State, StateDep
from channels.claims import make_claim, open_claim
from core.clock import local
from escalation.errors import Refused, TooMany
from escalation.models import Conversation

router = APIRouter()


@router.get("/c")
@router.get("/c/{code}")
def ask(request: Request, conversation: OwnChat, code: str = "") -> Response:
    """What the QR code opens: one button. Not opened at once, for some programs look at links before people do."""
    return page(request, "claim.html", code=code[:20], error="", open=conversation is not None)


@router.post("/c", dependencies=[FromThisSite])
async def claim(
    request: Request, state: StateDep, conversation: OwnChat, code: Annotated[str, Form(max_length=40)] = ""
) -> Response:
    try:
        async with trying_a_code(request, state):
            cookie = await run_in_threadpool(_opened, state, code)
    except Refused as refused:
        shown = {"code": code, "error": refused.message, "open": conversation is not None}
        response: Response = page(request, "claim.html", status_of(refused), **shown)
        if isinstance(refused, TooMany):
            response.headers["Retry-After"] = str(refused.seconds)
        return response
    response = RedirectResponse("/", 303)
    citizen.keep_chat(request, state, response, cookie)
    return response


@router.post("/chat/claim", dependencies=[FromThisSite])
def hand_over(request: Request, state: StateDep, conversation: BegunChat) -> Response:
    """A code for the conversation on this page."""
    return claimed_page(request, state, conversation, "claimed.html")


def claimed_page(request: Request, state: State, conversation: Conversation, template: str) -> Response:
    """A page with a new code for a conversation."""
    with state.database.write() as session:
        code, expires_at = make_claim(session, conversation.id, state.services.vault)
    day = local(expires_at)
    return page(
        request,
        template,
        code=code,
        spoken="，".join(code.replace("-", "")),
        site=state.settings.site_url,
        qr=segno.make_qr(f"{state.settings.site_url}/c/{code}").svg_data_uri(scale=4, border=2, light="white"),
        until=f"{day.month}月{day.day}日",
    )


def _opened(state: State, code: str) -> str:
    with state.database.write() as session:
        conversation_id, token = open_claim(session, code, state.services.vault)
    return f"{conversation_id}.{token}"
