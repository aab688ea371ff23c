"""The lawyer's desk 解答台: log in, see what is due, write, cite, send."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import COOKIE, LoggedIn
from api.auth.endpoints import end_session, start_session
from api.desk import service, suggestions
from api.desk.citations import NotInForce
from api.desk.suggestions import Suggestions
from api.pages import desk_beside, desk_view
from api.pages.citizen import FromThisSite
from api.pages.desk_beside import NOTHING_FILLED, Filled, beside
from api.pages.desk_frame import frame, requests_html
from api.pages.desk_view import Drafted
from api.pages.errors import says
from api.pages.rendering import HEADERS, fragment, is_htmx, page
from api.pages.staff import HOMES, ActingLawyer, ActingStaff, Reading, ReadingLawyer
from api.problems import status_of
from api.state import State, StateDep
from core.security import hash_token
from escalation.dispatcher import nudge
from escalation.errors import Refused

router = APIRouter(prefix="/desk")


async def _decisions(request: Request) -> dict[str, str]:
    """What the lawyer has decided of citations that are not in force: fields `on:` and the citation."""
    form = await request.form()
    return {name.removeprefix("on:"): str(value) for name, value in form.items() if name.startswith("on:")}


Decisions = Annotated[dict[str, str], Depends(_decisions)]


@router.get("")
def queue(request: Request, who: Reading, _lawyer_id: ReadingLawyer, state: StateDep) -> HTMLResponse:
    return page(request, "desk.html", 200, **frame(state, who))


@router.post("/login", dependencies=[FromThisSite])
def log_in(
    request: Request,
    state: StateDep,
    login: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    wanted: Annotated[str, Form()] = "/desk",
) -> Response:
    response = RedirectResponse(wanted if wanted.startswith(HOMES) else "/desk", 303)
    try:
        start_session(state, request, response, login, password)
    except (Refused, HTTPException) as error:
        status, said = (
            (error.status_code, error.detail) if isinstance(error, HTTPException) else (status_of(error), error.message)
        )
        return page(request, "login.html", status, error=said, login=login, wanted=wanted)
    return response


@router.post("/logout")
def log_out(_who: ActingStaff, request: Request, state: StateDep) -> Response:
    response = RedirectResponse("/desk", 303)
    end_session(state, request, response)
    return response


@router.get("/live", response_class=EventSourceResponse)
async def live(
    request: Request,
    who: Reading,
    lawyer_id: ReadingLawyer,
    state: StateDep,
    round_id: Annotated[UUID | None, Query(alias="round")] = None,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """The queue whenever it has changed; with `round` also what is said in it (id: sequence number) and who holds it. For a
    lawyer who works at an office also its requests, at each heartbeat.

    Ends with the log-in: a page left open shows no more of the citizens' words once its lawyer has logged out.
    """
    seq, told = max(after, last_event_id), ""
    # Few lawyers work at an office: for the others a change costs no look at its requests.
    asked = await run_in_threadpool(requests_html, state, who)
    opened = await run_in_threadpool(desk_view.consultation_of, state, round_id, lawyer_id) if round_id else None
    async for shown in state.desks.watch(lawyer_id, hash_token(request.cookies[COOKIE])):
        if asked:
            requests = await run_in_threadpool(requests_html, state, who)
            if requests != asked:
                asked = requests
                yield ServerSentEvent(event="piece", raw_data=asked)
        if shown is None:
            continue
        if round_id is not None and opened is not None and (shown.touched is None or opened.id in shown.touched):
            new, standing = await run_in_threadpool(desk_view.news, state, lawyer_id, round_id, seq)
            for number, html in new:
                seq = number
                yield ServerSentEvent(event="piece", id=str(number), raw_data=html)
            yield ServerSentEvent(event="piece", raw_data=standing)
            notes = await run_in_threadpool(desk_beside.notes_html, state, round_id, lawyer_id)
            yield ServerSentEvent(event="piece", raw_data=notes)
        queue = desk_view.queue_html(shown.rounds)
        if queue != told:
            told = queue
            yield ServerSentEvent(event="piece", raw_data=queue)


@router.get("/rounds/{round_id}")
def open_round(
    request: Request,
    round_id: UUID,
    who: Reading,
    lawyer_id: ReadingLawyer,
    state: StateDep,
    q: Annotated[str, Query(max_length=200)] = "",
    colleague: Annotated[str, Query(max_length=100)] = "",
    sent: Annotated[bool, Query()] = False,
    suggest: Annotated[bool, Query()] = False,
) -> HTMLResponse:
    """`suggest`: with the knowledge base's suggestions, for browsers without script."""
    filled = Filled("colleague" if colleague else "", colleague=colleague)
    drafted = desk_view.drafted(state, round_id, lawyer_id, q=q)
    found = suggestions.find(state, round_id, lawyer_id) if suggest else None
    return round_page(request, state, who, lawyer_id, round_id, drafted, filled=filled, sent=sent, suggestions=found)


@router.get("/rounds/{round_id}/suggestions")
async def suggest(round_id: UUID, lawyer_id: ReadingLawyer, state: StateDep) -> HTMLResponse:
    """What the knowledge base finds for the question; asked for by the page once it stands."""
    found = await suggestions.suggest(state, round_id, lawyer_id)
    html = fragment("_suggestions.html", suggestions=found, round_id=round_id)
    return HTMLResponse(html, headers=HEADERS)


@router.get("/rounds/{round_id}/laws")
def search(
    round_id: UUID, lawyer_id: ReadingLawyer, state: StateDep, q: Annotated[str, Query(max_length=200)] = ""
) -> HTMLResponse:
    """Articles to cite, for the place that the question comes from."""
    region = desk_view.consultation_of(state, round_id, lawyer_id).region
    html = fragment("_hits.html", hits=desk_view.search(state, q, region), q=q)
    return HTMLResponse(html, headers=HEADERS)


@router.post("/rounds/{round_id}/claim")
def claim(request: Request, round_id: UUID, who: ActingStaff, lawyer_id: ActingLawyer, state: StateDep) -> Response:
    return _held(request, state, who, lawyer_id, round_id, take=True)


@router.post("/rounds/{round_id}/release")
def release(request: Request, round_id: UUID, who: ActingStaff, lawyer_id: ActingLawyer, state: StateDep) -> Response:
    return _held(request, state, who, lawyer_id, round_id, take=False)


@router.post("/rounds/{round_id}/answer")
def answer(
    request: Request,
    round_id: UUID,
    who: ActingStaff,
    lawyer_id: ActingLawyer,
    state: StateDep,
    decisions: Decisions,
    client_message_id: Annotated[str, Form(min_length=1, max_length=80)],
    text: Annotated[str, Form()] = "",
    citations: Annotated[list[str], Form()] = [],  # noqa: B006 (FastAPI copies it)
) -> Response:
    """The answer goes out with its citations, or comes back whole with the reason."""
    cited, confirmed = desk_view.decide(citations, decisions)
    try:
        service.answer(state, round_id, lawyer_id, text, cited[:20], client_message_id, confirmed)
    except Refused as refused:
        warnings = refused.warnings if isinstance(refused, NotInForce) else []
        if is_htmx(request) and warnings:
            return HTMLResponse(fragment("_warnings.html", warnings=warnings), 409, HEADERS)
        if is_htmx(request):
            return says(request, status_of(refused), refused.message)
        drafted = Drafted(
            text=text,
            citations=tuple(cited),
            confirmed=tuple(confirmed),
            warnings=warnings,
            error="" if warnings else refused.message,
        )
        return round_page(request, state, who, lawyer_id, round_id, drafted, status=status_of(refused))
    nudge(state.redis)
    there = f"/desk/rounds/{round_id}?sent=1"
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": there})
    return RedirectResponse(there, 303)


def _held(request: Request, state: State, who: LoggedIn, lawyer_id: UUID, round_id: UUID, *, take: bool) -> Response:
    """Take a place or give it back, and show who holds the round now."""
    try:
        (service.claim if take else service.release)(state, round_id, lawyer_id)
    except Refused as refused:
        if is_htmx(request):
            return says(request, status_of(refused), refused.message)
        drafted = desk_view.drafted(state, round_id, lawyer_id, error=refused.message)
        return round_page(request, state, who, lawyer_id, round_id, drafted, status=status_of(refused))
    nudge(state.redis)
    if is_htmx(request):
        return HTMLResponse(desk_view.standing_html(state, round_id, lawyer_id), headers=HEADERS)
    return RedirectResponse(f"/desk/rounds/{round_id}", 303)


def round_page(
    request: Request,
    state: State,
    who: LoggedIn,
    lawyer_id: UUID,
    round_id: UUID,
    drafted: Drafted,
    *,
    filled: Filled = NOTHING_FILLED,
    sent: bool = False,
    suggestions: Suggestions | None = None,
    status: int = 200,
) -> HTMLResponse:
    """A round at the desk, with what the lawyer has filled in so far. `suggestions`: None leaves them to be fetched."""
    shown = desk_view.open_round(state, round_id, lawyer_id)
    return page(
        request,
        "desk.html",
        status,
        **{**frame(state, who), "round": shown},
        round_id=round_id,
        drafted=drafted,
        hits=desk_view.search(state, drafted.q, shown.region) if drafted.q else None,
        suggestions=suggestions,
        beside=beside(state, round_id, lawyer_id, filled),
        sent=sent,
    )
