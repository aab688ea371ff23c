"""`/kiosk`: the page of a device in a service hall. Large, touch first; forgets whoever has gone."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from api.limits import trying_a_code
from api.pages import citizen
from api.pages.chat import chat_page
from api.pages.citizen import CHAT_COOKIE, DEVICE_COOKIE, FromThisSite, OwnChat, OwnDevice
from api.pages.claim import claimed_page
from api.pages.rendering import page
from api.problems import status_of
from api.state import State, StateDep
from channels.devices import enrol_device
from escalation import conversations
from escalation.errors import Refused, TooMany

router = APIRouter(prefix="/kiosk")

_DEVICE_KEPT_SECONDS = 5 * 365 * 24 * 3600


@router.get("")
def kiosk(
    request: Request,
    state: StateDep,
    device: OwnDevice,
    conversation: OwnChat,
    to: Annotated[UUID | None, Query()] = None,
    topic: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    if device is None:
        return _ask_for_code(request)
    return chat_page(request, state, conversation, device=device, to=[to] if to else [], topic=topic)


@router.post("/enrol", dependencies=[FromThisSite])
async def enrol(request: Request, state: StateDep, code: Annotated[str, Form(max_length=40)] = "") -> Response:
    """This browser is the device's from now on."""
    try:
        async with trying_a_code(request, state):
            cookie = await run_in_threadpool(_enrolled, state, code)
    except Refused as refused:
        response = _ask_for_code(request, code, refused)
        if isinstance(refused, TooMany):
            response.headers["Retry-After"] = str(refused.seconds)
        return response
    response = RedirectResponse("/kiosk", 303)
    response.delete_cookie(CHAT_COOKIE)
    response.set_cookie(
        DEVICE_COOKIE, cookie, _DEVICE_KEPT_SECONDS, httponly=True, samesite="lax", secure=state.settings.cookie_secure
    )
    return response


@router.post("/here", dependencies=[FromThisSite])
def here(request: Request, state: StateDep, device: OwnDevice, conversation: OwnChat) -> Response:
    """Somebody is still there: keep the conversation a little longer."""
    response = Response(status_code=204)
    if device is not None and conversation is not None:
        citizen.keep_chat(request, state, response, request.cookies[CHAT_COOKIE])
    return response


@router.post("/end", dependencies=[FromThisSite])
def end(
    request: Request,
    state: StateDep,
    device: OwnDevice,
    conversation: OwnChat,
    gone: Annotated[bool, Form()] = False,
) -> Response:
    """Forget the conversation on this device. Who ends it themselves is shown how to go on; who has `gone` is not.

    What opened it here opens it no longer, so what a browser may have kept of it is worth nothing.
    """
    response: Response = RedirectResponse("/kiosk", 303)
    if device is not None and conversation is not None:
        if not gone:
            response = claimed_page(request, state, conversation, "kiosk_end.html")
        with state.database.write() as session:
            conversations.forget_token(session, conversation.id, request.cookies[CHAT_COOKIE].partition(".")[2])
    response.delete_cookie(CHAT_COOKIE)
    return response


def _ask_for_code(request: Request, code: str = "", refused: Refused | None = None) -> Response:
    status = status_of(refused) if refused else 200
    return page(request, "kiosk_enrol.html", status, code=code, error=refused.message if refused else "")


def _enrolled(state: State, code: str) -> str:
    with state.database.write() as session:
        device, token = enrol_device(session, code, state.services.vault)
        return f"{device.id}.{token}"
