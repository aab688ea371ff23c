"""A lawyer's own words 常用语, `/desk/templates`: a page of plain forms, and the list beside the answer."""

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.desk.drafting import TemplateOut
from api.pages.desk_frame import frame
from api.pages.errors import says
from api.pages.rendering import HEADERS, fragment, is_htmx, page
from api.pages.staff import ActingLawyer, ActingStaff, Reading, ReadingLawyer
from api.problems import status_of
from api.state import State, StateDep
from escalation import answer_templates
from escalation.errors import Refused

router = APIRouter(prefix="/desk/templates")

_DONE = {"kept": "已存为常用语。", "changed": "已保存修改。", "deleted": "已删除。"}
Words = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class _Typed:
    """What was written in a form, given back with a refusal. `about`: the form of a template, or "new"."""

    about: str | None = None
    title: str = ""
    text: str = ""


@router.get("")
def templates(
    request: Request,
    who: Reading,
    lawyer_id: ReadingLawyer,
    state: StateDep,
    done: Annotated[Literal["", "kept", "changed", "deleted"], Query()] = "",
) -> HTMLResponse:
    return _page(request, state, who, lawyer_id, done=_DONE.get(done, ""))


@router.get("/list")
def list_beside(lawyer_id: ReadingLawyer, state: StateDep) -> HTMLResponse:
    """To put into an answer with one press."""
    return HTMLResponse(_list_html(state, lawyer_id), headers=HEADERS)


@router.post("")
def keep(
    request: Request, who: ActingStaff, lawyer_id: ActingLawyer, state: StateDep, title: Words = "", text: Words = ""
) -> Response:
    """From the page, or from the box beside an answer: that is shown the list as it stands now."""
    try:
        with state.database.write() as session:
            answer_templates.keep_template(session, lawyer_id, title, text)
    except Refused as refused:
        if is_htmx(request):
            return says(request, status_of(refused), refused.message)
        return _page(request, state, who, lawyer_id, refused=refused, typed=_Typed("new", title, text))
    if is_htmx(request):
        return HTMLResponse(_list_html(state, lawyer_id), headers=HEADERS)
    return RedirectResponse("/desk/templates?done=kept", 303)


@router.post("/{template_id}")
def change(
    request: Request,
    template_id: UUID,
    who: ActingStaff,
    lawyer_id: ActingLawyer,
    state: StateDep,
    title: Words = "",
    text: Words = "",
) -> Response:
    try:
        with state.database.write() as session:
            answer_templates.change_template(session, template_id, lawyer_id, title, text)
    except Refused as refused:
        return _page(request, state, who, lawyer_id, refused=refused, typed=_Typed(str(template_id), title, text))
    return RedirectResponse("/desk/templates?done=changed", 303)


@router.post("/{template_id}/delete")
def delete(request: Request, template_id: UUID, who: ActingStaff, lawyer_id: ActingLawyer, state: StateDep) -> Response:
    try:
        with state.database.write() as session:
            answer_templates.delete_template(session, template_id, lawyer_id)
    except Refused as refused:
        return _page(request, state, who, lawyer_id, refused=refused)
    return RedirectResponse("/desk/templates?done=deleted", 303)


def _found(state: State, lawyer_id: UUID) -> list[TemplateOut]:
    with state.database.read() as session:
        return [TemplateOut.of(each) for each in answer_templates.templates_of(session, lawyer_id)]


def _list_html(state: State, lawyer_id: UUID) -> str:
    return fragment("_templates.html", templates=_found(state, lawyer_id))


def _page(
    request: Request,
    state: State,
    who: LoggedIn,
    lawyer_id: UUID,
    *,
    refused: Refused | None = None,
    typed: _Typed = _Typed(),
    done: str = "",
) -> HTMLResponse:
    """The page as it stands; after a refusal with its reason beside the field, and with what was written."""
    found = _found(state, lawyer_id)
    # What has been deleted meanwhile has no form to show the reason beside.
    there = typed.about in {"new", *(str(each.id) for each in found)}
    return page(
        request,
        "desk_templates.html",
        status_of(refused) if refused else 200,
        **frame(state, who),
        templates=found,
        most=answer_templates.MOST_TEMPLATES,
        error=refused.message if refused else "",
        field=refused.field if refused else "",
        about=typed.about if there else None,
        typed=typed,
        done=done,
    )
