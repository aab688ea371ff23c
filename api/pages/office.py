"""An office's desk 办事台: the requests of citizens, one below the other, with what can be done about each. Plain forms."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.offices import endpoints
from api.offices.auth import worker_of
from api.offices.schemas import Accept, Appoint, HandOn, Phone, RequestOut, Words
from api.pages.rendering import page
from api.pages.staff import ActingStaff, Reading
from api.problems import status_of
from api.state import State, StateDep
from core.clock import from_local, local, now
from escalation.errors import Refused
from services import requests
from services.catalogue import SERVICES, WITH_REQUESTS
from services.models import Office
from services.offices import all_offices
from services.requests import Worker

router = APIRouter(prefix="/office")


class _Seat:
    """Who sits at the desk, and whether they look at what is done."""

    def __init__(self, who: LoggedIn, state: State) -> None:
        self.who, self.state, self.worker = who, state, worker_of(who, state)


def reading(who: Reading, state: StateDep) -> _Seat:
    """Raises NotLoggedIn; 403 for other staff."""
    return _Seat(who, state)


def acting(who: ActingStaff, state: StateDep) -> _Seat:
    """Raises NotLoggedIn; 403 for other staff, and without the form's token."""
    return _Seat(who, state)


ReadingSeat = Annotated[_Seat, Depends(reading)]
ActingSeat = Annotated[_Seat, Depends(acting)]
WordsForm = Annotated[str, Form()]


@router.get("")
def desk(request: Request, seat: ReadingSeat, over: bool = False) -> HTMLResponse:
    return _page(request, seat, over=over)


@router.post("/requests/{request_id}/accept")
def accept(request: Request, request_id: UUID, seat: ActingSeat, words: WordsForm = "") -> Response:
    return _do(request, seat, request_id, words, lambda: endpoints.accept(request_id, Accept(words=words), *_of(seat)))


@router.post("/requests/{request_id}/ask")
def ask(request: Request, request_id: UUID, seat: ActingSeat, words: WordsForm = "") -> Response:
    return _do(request, seat, request_id, words, lambda: endpoints.ask(request_id, Words(words=words), *_of(seat)))


@router.post("/requests/{request_id}/finish")
def finish(request: Request, request_id: UUID, seat: ActingSeat, words: WordsForm = "") -> Response:
    return _do(request, seat, request_id, words, lambda: endpoints.finish(request_id, Words(words=words), *_of(seat)))


@router.post("/requests/{request_id}/decline")
def decline(request: Request, request_id: UUID, seat: ActingSeat, words: WordsForm = "") -> Response:
    return _do(request, seat, request_id, words, lambda: endpoints.decline(request_id, Words(words=words), *_of(seat)))


@router.post("/requests/{request_id}/appoint")
def appoint(
    request: Request,
    request_id: UUID,
    seat: ActingSeat,
    at: WordsForm = "",
    place: WordsForm = "",
    words: WordsForm = "",
) -> Response:
    """`at` is the wall clock's time in China, as a browser's field gives it."""

    def verb() -> RequestOut:
        try:
            moment = from_local(datetime.fromisoformat(at))
        except ValueError:
            raise Refused("请选择约定的日期和时间。", "at") from None
        return endpoints.appoint(request_id, Appoint(at=moment, place=place, words=words), *_of(seat))

    return _do(request, seat, request_id, words, verb)


@router.post("/requests/{request_id}/hand-on")
def hand_on(
    request: Request, request_id: UUID, seat: ActingSeat, to: WordsForm = "", words: WordsForm = ""
) -> Response:
    """`to` is an office and a service, as one choice of the list."""

    def verb() -> RequestOut:
        office, _, service = to.partition("|")
        try:
            body = HandOn(office_id=UUID(office), service=service, words=words)
        except ValueError:
            raise Refused("请选择转给哪个机构。", "to") from None
        return endpoints.hand_on(request_id, body, *_of(seat))

    return _do(request, seat, request_id, words, verb)


@router.post("/requests/{request_id}/reveal")
def reveal(request: Request, request_id: UUID, seat: ActingSeat) -> Response:
    """The page with the number in it, this once."""
    try:
        phones = endpoints.reveal(request_id, *_of(seat))
    except Refused as refused:
        return _page(request, seat, refused=refused, about=request_id)
    return _page(request, seat, revealed=(request_id, phones))


def _of(seat: _Seat) -> tuple[Worker, State]:
    return seat.worker, seat.state


def _do(request: Request, seat: _Seat, request_id: UUID, words: str, verb: Callable[[], RequestOut]) -> Response:
    try:
        verb()
    except Refused as refused:
        return _page(request, seat, refused=refused, about=request_id, draft=words)
    return RedirectResponse(f"/office#r-{request_id}", 303)


def _page(
    request: Request,
    seat: _Seat,
    *,
    over: bool = False,
    refused: Refused | None = None,
    about: UUID | None = None,
    draft: str = "",
    revealed: tuple[UUID, Phone] | None = None,
) -> HTMLResponse:
    """The desk as it stands; after a refusal with its reason beside the forms, and with what was written."""
    with seat.state.database.read() as session:
        office = session.get(Office, seat.worker.office_id) if seat.worker.office_id else None
        found = RequestOut.all(session, requests.requests_at(session, seat.worker, over=over))
        others = [
            (each.id, service, f"{each.name}（{SERVICES[service].name}）")
            for each in all_offices(session)
            for service in each.services
            if service in WITH_REQUESTS
        ]
    return page(
        request,
        "office.html",
        status_of(refused) if refused else 200,
        at=now(),
        today=local(now()).date(),
        account=seat.who.staff,
        csrf_token=seat.who.csrf_token,
        office=office,
        over=over,
        requests=found,
        others=others,
        error=refused.message if refused else "",
        about=about if any(each.id == about for each in found) else None,
        draft=draft,
        revealed=revealed,
    )
