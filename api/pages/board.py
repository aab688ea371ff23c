"""The board's tasks: whom to call back, appeals to decide, notices to send again; and who may be at the board. Plain forms."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.board import endpoints
from api.board.auth import SUPERVISING
from api.board.figures import RegionDep
from api.board.schemas import AppealOut, CallBackOut, DecideAppeal, DeliveryOut, FinishCallBack
from api.board.tables import MEDIA
from api.pages.rendering import page
from api.pages.staff import ActingStaff, Reading
from api.problems import status_of
from api.state import State, StateDep
from core.regions import NATION
from escalation import appeals, call_backs, deliveries
from escalation.consultations import RATING_LEVELS
from escalation.errors import Refused
from services.requests import unplaced_requests

router = APIRouter(prefix="/board")

KINDS = {"push": "提问", "alarm": "承诺落空的提醒"}


def _supervising(who: LoggedIn) -> LoggedIn:
    if who.staff.role not in SUPERVISING:
        raise HTTPException(403, "只有督导员和管理员可以使用督导台")
    return who


def supervisor_reading(who: Reading) -> LoggedIn:
    """The supervisor who is looking. Raises NotLoggedIn; 403 for other staff."""
    return _supervising(who)


def supervisor_acting(who: ActingStaff) -> LoggedIn:
    """The supervisor who sends a form. Raises NotLoggedIn; 403 for other staff, and without the form's token."""
    return _supervising(who)


ReadingSupervisor = Annotated[LoggedIn, Depends(supervisor_reading)]
ActingSupervisor = Annotated[LoggedIn, Depends(supervisor_acting)]


@router.get("/tasks")
def tasks(request: Request, who: ReadingSupervisor, state: StateDep, region: RegionDep = NATION) -> HTMLResponse:
    return _page(request, state, who, region)


@router.post("/call-backs/{call_back_id}/reveal")
def reveal(
    request: Request, call_back_id: UUID, who: ActingSupervisor, state: StateDep, region: RegionDep = NATION
) -> Response:
    """The page with the number in it, this once."""
    try:
        phone = endpoints.reveal(call_back_id, who, state).phone
    except Refused as refused:
        return _page(request, state, who, region, refused=refused, about=call_back_id)
    return _page(request, state, who, region, revealed=(call_back_id, phone))


@router.post("/call-backs/{call_back_id}/done")
def finish(
    request: Request,
    call_back_id: UUID,
    who: ActingSupervisor,
    state: StateDep,
    region: RegionDep = NATION,
    note: Annotated[str, Form()] = "",
) -> Response:
    try:
        endpoints.finish(call_back_id, FinishCallBack(note=note), who, state)
    except Refused as refused:
        return _page(request, state, who, region, refused=refused, about=call_back_id, draft=note)
    return RedirectResponse(f"/board/tasks{_of(region)}#call-backs", 303)


@router.post("/appeals/{appeal_id}/decision")
def decide(
    request: Request,
    appeal_id: UUID,
    who: ActingSupervisor,
    state: StateDep,
    upheld: Annotated[bool, Form()],
    region: RegionDep = NATION,
    decision: Annotated[str, Form()] = "",
) -> Response:
    try:
        endpoints.decide(appeal_id, DecideAppeal(upheld=upheld, decision=decision), who, state)
    except Refused as refused:
        return _page(request, state, who, region, refused=refused, about=appeal_id, draft=decision)
    return RedirectResponse(f"/board/tasks{_of(region)}#appeals", 303)


@router.post("/deliveries/{delivery_id}/resend")
def resend(
    request: Request, delivery_id: UUID, who: ActingSupervisor, state: StateDep, region: RegionDep = NATION
) -> Response:
    try:
        endpoints.resend(delivery_id, who, state)
    except Refused as refused:
        return _page(request, state, who, region, refused=refused, about=delivery_id)
    return RedirectResponse(f"/board/tasks{_of(region)}#deliveries", 303)


def _page(
    request: Request,
    state: State,
    who: LoggedIn,
    region: str,
    *,
    refused: Refused | None = None,
    about: UUID | None = None,
    draft: str = "",
    revealed: tuple[UUID, str] | None = None,
) -> HTMLResponse:
    """The tasks as they stand; after a refusal with its reason beside the form, and with what was written in it."""
    with state.database.read() as session:
        tasks = [CallBackOut.of(each) for each in call_backs.open_call_backs(session, region)]
        disputed = [AppealOut.of(each) for each in appeals.open_appeals(session, region)]
        dead = [DeliveryOut.of(each) for each in deliveries.dead_deliveries(session)]
        unplaced = unplaced_requests(session)
    listed = {each.id for each in tasks} | {each.id for each in disputed} | {each.id for each in dead}
    return page(
        request,
        "board_tasks.html",
        status_of(refused) if refused else 200,
        account=who.staff,
        csrf_token=who.csrf_token,
        region=region,
        query=_of(region),
        levels=RATING_LEVELS,
        call_backs=tasks,
        appeals=disputed,
        deliveries=dead,
        unplaced=unplaced,
        media=MEDIA,
        kinds=KINDS,
        error=refused.message if refused else "",
        # What is no longer in a list has no form to show the reason beside.
        about=about if about in listed else None,
        draft=draft,
        revealed=revealed,
    )


def _of(region: str) -> str:
    """What of an address says that the tasks of this region are meant."""
    return "" if region == NATION else f"?region={region}"
