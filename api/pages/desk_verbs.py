"""The desk's forms besides the answer: its draft, a note, a colleague asked, a question sent to another office."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages import desk_view
from api.pages.desk import round_page
from api.pages.desk_beside import Filled, colleagues_html, notes_html
from api.pages.desk_view import Drafted
from api.pages.errors import says
from api.pages.rendering import HEADERS, is_htmx
from api.pages.staff import ActingLawyer, ActingStaff, Reading, ReadingLawyer
from api.problems import status_of
from api.state import State, StateDep
from escalation.answer_drafts import save_draft
from escalation.colleagues import suggest_colleague
from escalation.dispatcher import nudge
from escalation.errors import Refused
from escalation.notes import write_note
from escalation.referral import refer_round

router = APIRouter(prefix="/desk/rounds/{round_id}")

OTHER = "other"
"""The office that is named in words."""


@router.post("/draft")
def draft(
    request: Request,
    round_id: UUID,
    who: ActingStaff,
    lawyer_id: ActingLawyer,
    state: StateDep,
    text: Annotated[str, Form()] = "",
    citations: Annotated[list[str], Form()] = [],  # noqa: B006 (FastAPI copies it)
) -> Response:
    """The button of browsers without script; the others save by /v1/desk as one writes."""
    try:
        with state.database.write() as session:
            save_draft(session, round_id, lawyer_id, text, citations)
    except Refused as refused:
        drafted = Drafted(text, tuple(citations), error=refused.message)
        return round_page(request, state, who, lawyer_id, round_id, drafted, status=status_of(refused))
    return RedirectResponse(f"/desk/rounds/{round_id}#answer", 303)


@router.post("/notes")
def note(
    request: Request,
    round_id: UUID,
    who: ActingStaff,
    lawyer_id: ActingLawyer,
    state: StateDep,
    text: Annotated[str, Form()] = "",
) -> Response:
    try:
        with state.database.write() as session:
            write_note(session, round_id, lawyer_id, text)
    except Refused as refused:
        filled = Filled("note", refused.message, note=text)
        return _refused(request, state, who, lawyer_id, round_id, refused, filled)
    nudge(state.redis)
    if is_htmx(request):
        return HTMLResponse(notes_html(state, round_id, lawyer_id), headers=HEADERS)
    return RedirectResponse(f"/desk/rounds/{round_id}#notes", 303)


@router.get("/colleagues")
def colleagues(
    round_id: UUID,
    who: Reading,
    lawyer_id: ReadingLawyer,
    state: StateDep,
    colleague: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """The picker for these words."""
    return HTMLResponse(colleagues_html(state, round_id, lawyer_id, colleague, who.csrf_token), headers=HEADERS)


@router.post("/suggest")
def suggest(
    request: Request,
    round_id: UUID,
    who: ActingStaff,
    lawyer_id: ActingLawyer,
    state: StateDep,
    chosen: Annotated[UUID, Form()],
) -> Response:
    try:
        with state.database.write() as session:
            suggest_colleague(session, round_id, lawyer_id, chosen)
    except Refused as refused:
        filled = Filled("colleague", refused.message)
        return _refused(request, state, who, lawyer_id, round_id, refused, filled)
    nudge(state.redis)
    if is_htmx(request):
        return HTMLResponse(colleagues_html(state, round_id, lawyer_id, "", who.csrf_token), headers=HEADERS)
    return RedirectResponse(f"/desk/rounds/{round_id}#colleagues", 303)


@router.post("/refer")
def refer(
    request: Request,
    round_id: UUID,
    who: ActingStaff,
    lawyer_id: ActingLawyer,
    state: StateDep,
    office: Annotated[str, Form()] = "",
    other_office: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "",
) -> Response:
    try:
        with state.database.write() as session:
            refer_round(session, round_id, lawyer_id, other_office if office == OTHER else office, words)
    except Refused as refused:
        filled = Filled("refer", refused.message, office=office, other_office=other_office, words=words)
        return _refused(request, state, who, lawyer_id, round_id, refused, filled)
    nudge(state.redis)
    there = f"/desk/rounds/{round_id}"
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": there})
    return RedirectResponse(there, 303)


def _refused(
    request: Request,
    state: State,
    who: LoggedIn,
    lawyer_id: UUID,
    round_id: UUID,
    refused: Refused,
    filled: Filled,
) -> Response:
    """The reason in words for the script; else the page with all that was filled in and the reason beside it."""
    if is_htmx(request):
        return says(request, status_of(refused), refused.message)
    status = status_of(refused)
    drafted = desk_view.drafted(state, round_id, lawyer_id)
    return round_page(request, state, who, lawyer_id, round_id, drafted, filled=filled, status=status)
