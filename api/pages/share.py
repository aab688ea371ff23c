"""`/s/…`: a conversation that its citizen shows to family, to read and no more; `/share`: theirs to give and take back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from api.pages.bubbles import bubbles, waiting
from api.pages.chat import messages_of
from api.pages.citizen import BegunChat, FromThisSite
from api.pages.errors import says
from api.pages.rendering import page
from api.problems import status_of
from api.state import StateDep
from channels.links import share_behind, share_link
from channels.shares import conversation_shared, make_share, revoke_share, shares_of
from escalation import consultations
from escalation.errors import NotFound, Refused
from escalation.progress import progress_of

router = APIRouter()

_GONE = "这个分享已被撤回，或已过期，或链接不完整。请向分享的人要一个新的。"


@router.get("/s/{signed}")
def shared(request: Request, state: StateDep, signed: str) -> Response:
    share_id = share_behind(state.settings, signed)
    if share_id is None:
        return says(request, 404, _GONE)
    with state.database.read() as session:
        try:
            conversation_id = conversation_shared(session, share_id)
        except NotFound:
            return says(request, 404, _GONE)
        consultation = consultations.latest_consultation(session, conversation_id)
        progress = progress_of(session, consultation) if consultation else None
        shown = bubbles(session, messages_of(session, conversation_id))
    return page(
        request,
        "shared.html",
        bubbles=shown,
        progress=progress,
        waiting=waiting(progress) if progress else None,
        comparable=False,
    )


@router.get("/share")
def shares(request: Request, state: StateDep, conversation: BegunChat) -> Response:
    return _list(request, state, conversation.id)


@router.post("/share", dependencies=[FromThisSite])
def share(request: Request, state: StateDep, conversation: BegunChat) -> Response:
    """One more link."""
    try:
        with state.database.write() as session:
            make_share(session, conversation.id)
    except Refused as refused:
        return _list(request, state, conversation.id, refused)
    return RedirectResponse("/share", 303)


@router.post("/share/revoke", dependencies=[FromThisSite])
def revoke(request: Request, state: StateDep, conversation: BegunChat, share: Annotated[UUID, Form()]) -> Response:
    try:
        with state.database.write() as session:
            revoke_share(session, conversation.id, share)
    except Refused as refused:
        return _list(request, state, conversation.id, refused)
    return RedirectResponse("/share", 303)


def _list(request: Request, state: StateDep, conversation_id: UUID, refused: Refused | None = None) -> Response:
    with state.database.read() as session:
        found = shares_of(session, conversation_id)
    links = [(each, share_link(state.settings, each.id)) for each in found]
    status = status_of(refused) if refused else 200
    return page(request, "share.html", status, links=links, error=refused.message if refused else "")
