"""The supervisor's board 督导台: today's figures, whom to call back, appeals to decide, notices to send again. Plain forms."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.board import endpoints
from api.board.auth import SUPERVISING
from api.board.period import asked_period
from api.board.schemas import AppealOut, CallBackOut, DecideAppeal, DeliveryOut, FinishCallBack, Promise
from api.pages.rendering import page
from api.pages.staff import ActingStaff, Reading
from api.problems import status_of
from api.state import State, StateDep
from core.clock import now
from core.regions import NATION
from escalation import appeals, call_backs, deliveries
from escalation.consultations import RATING_LEVELS
from escalation.errors import Refused
from services.requests import unplaced_requests

router = APIRouter(prefix="/board")

MEDIA = {"webhook": "接口推送", "wechat": "微信"}
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


@router.get("")
def board(request: Request, who: ReadingSupervisor, state: StateDep) -> HTMLResponse:
    return _page(request, state, who)


@router.post("/call-backs/{call_back_id}/reveal")
def reveal(request: Request, call_back_id: UUID, who: ActingSupervisor, state: StateDep) -> Response:
    """The page with the number in it, this once."""
    try:
        phone = endpoints.reveal(call_back_id, who, state).phone
    except Refused as refused:
        return _page(request, state, who, refused=refused, about=call_back_id)
    return _page(request, state, who, revealed=(call_back_id, phone))


@router.post("/call-backs/{call_back_id}/done")
def finish(
    request: Request, call_back_id: UUID, who: ActingSupervisor, state: StateDep, note: Annotated[str, Form()] = ""
) -> Response:
    try:
        endpoints.finish(call_back_id, FinishCallBack(note=note), who, state)
    except Refused as refused:
        return _page(request, state, who, refused=refused, about=call_back_id, draft=note)
    return RedirectResponse("/board#call-backs", 303)


@router.post("/appeals/{appeal_id}/decision")
def decide(
    request: Request,
    appeal_id: UUID,
    who: ActingSupervisor,
    state: StateDep,
    upheld: Annotated[bool, Form()],
    decision: Annotated[str, Form()] = "",
) -> Response:
    try:
        endpoints.decide(appeal_id, DecideAppeal(upheld=upheld, decision=decision), who, state)
    except Refused as refused:
        return _page(request, state, who, refused=refused, about=appeal_id, draft=decision)
    return RedirectResponse("/board#appeals", 303)


@router.post("/deliveries/{delivery_id}/resend")
def resend(request: Request, delivery_id: UUID, who: ActingSupervisor, state: StateDep) -> Response:
    try:
        endpoints.resend(delivery_id, who, state)
    except Refused as refused:
        return _page(request, state, who, refused=refused, about=delivery_id)
    return RedirectResponse("/board#deliveries", 303)


def _page(
    request: Request,
    state: State,
    who: LoggedIn,
    *,
    refused: Refused | None = None,
    about: UUID | None = None,
    draft: str = "",
    revealed: tuple[UUID, str] | None = None,
) -> HTMLResponse:
    """The board as it stands; after a refusal with its reason beside the form, and with what was written in it."""
    with state.database.read() as session:
        tasks = [CallBackOut.of(each) for each in call_backs.open_call_backs(session, NATION)]
        disputed = [AppealOut.of(each) for each in appeals.open_appeals(session, NATION)]
        dead = [DeliveryOut.of(each) for each in deliveries.dead_deliveries(session)]
        unplaced = unplaced_requests(session)
    listed = {each.id for each in tasks} | {each.id for each in disputed} | {each.id for each in dead}
    summary = endpoints.look(state, asked_period(), NATION)
    return page(
        request,
        "board.html",
        status_of(refused) if refused else 200,
        at=now(),
        account=who.staff,
        csrf_token=who.csrf_token,
        summary=summary,
        figures=_figures(summary.promise),
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


def _figures(promise: Promise) -> list[tuple[str, str]]:
    """(name, value) as the page prints them."""
    share = f"{promise.kept / promise.rounds:.0%}" if promise.rounds else "—"
    rated = f"{promise.rated_share:.0%}" if promise.rated_share is not None else "—"
    return [
        ("提问轮次", str(promise.rounds)),
        ("按时兑现", f"{promise.kept}（{share}）"),
        ("承诺落空", str(promise.broken)),
        ("首位解答，中位数", _length(promise.first_median_s)),
        ("首位解答，九成以内", _length(promise.first_p90_s)),
        ("第三位解答，中位数", _length(promise.third_median_s)),
        ("第三位解答，九成以内", _length(promise.third_p90_s)),
        ("参评率", rated),
    ]


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} 分 {rest} 秒" if minutes else f"{rest} 秒"
