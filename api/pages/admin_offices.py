"""The administration: offices 办事机构. Found by region and service, entered, changed, closed; who works there."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import STATES, Posted, Search, back, download, page_number, refused_page, shown
from api.state import State, StateDep
from core.clock import now
from escalation.errors import NotFound, Refused
from services.catalogue import SERVICES, WITH_REQUESTS
from services.models import Office
from services.office_file import cells_of, export_offices, save_office
from services.offices import clerks_of, close_office, find_offices, open_requests, reopen_office

router = APIRouter(prefix="/admin/offices")

_FIELDS = ("名称", "地区", "承办事项", "上级机构", "地址", "电话", "办公时间")
_TAKEN = tuple((each, SERVICES[each].name) for each in (*WITH_REQUESTS, "labour_inspection"))


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    search = Search(request, "q", "region", "service", "state")
    with state.database.read() as session:
        found = find_offices(
            session, search["q"], search.region, search["service"], search.active, page_number(request)
        )
        parents = {
            each.parent_id: session.get_one(Office, each.parent_id).name for each in found.rows if each.parent_id
        }
    return shown(
        request, "admin_offices.html", who, search=search, found=found, parents=parents,
        services=(("", "全部"), *_TAKEN), names={key: each.name for key, each in SERVICES.items()}, states=STATES,
        errors=search.errors,
    )  # fmt: skip


@router.post("/export")
def export(who: ActingAdministrator, state: StateDep) -> Response:
    with state.database.write() as session:
        content = export_offices(session, who.actor)
    return download(content, f"办事机构名册{now():%Y%m%d}.csv")


@router.get("/new")
def new_page(request: Request, who: ReadingAdministrator) -> HTMLResponse:
    return shown(request, "admin_office.html", who, **_form(None, dict.fromkeys(_FIELDS, "")))


@router.post("/new")
def enter(request: Request, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    cells = _cells(fields)
    try:
        with state.database.write() as session:
            office_id = save_office(session, cells, who.actor)
    except Refused as error:
        return refused_page(request, "admin_office.html", who, error, **_form(None, cells))
    return back(f"/admin/offices/{office_id}", "added")


@router.get("/{office_id}")
def office_page(request: Request, office_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return shown(request, "admin_office.html", who, **_look(state, office_id))


@router.post("/{office_id}")
def change(request: Request, office_id: UUID, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    context, cells = _look(state, office_id), _cells(fields)
    try:
        with state.database.write() as session:
            save_office(session, cells, who.actor, office_id)
    except Refused as error:
        return refused_page(request, "admin_office.html", who, error, **(context | {"form": cells}))
    return back(f"/admin/offices/{office_id}", "saved")


@router.get("/{office_id}/active")
def confirm_page(request: Request, office_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    with state.database.read() as session:
        office = _office(state, office_id)
        left, clerks = open_requests(session, office_id), len(clerks_of(session, office_id))
    says = [f"停办之后，{office.name}不再接新的申请，市民也不再看到它；办过的申请都还在。"]
    if left:
        says.append(f"它手上还有 {left} 份没有办完的申请，都交给督导员转交别的机构；以后恢复也不会自动交回来。")
    if clerks:
        says.append(f"在这里办事的 {clerks} 个账号会看不到申请，直到换到别的机构。")
    return shown(
        request, "admin_confirm.html", who, title=f"停办{office.name}", says=says, button="停办",
        action=f"/admin/offices/{office_id}/active", back=f"/admin/offices/{office_id}",
    )  # fmt: skip


@router.post("/{office_id}/active")
def set_active(
    office_id: UUID, who: ActingAdministrator, state: StateDep, active: Annotated[bool, Form()] = False
) -> Response:
    with state.database.write() as session:
        (reopen_office if active else close_office)(session, office_id, who.actor)
    return back(f"/admin/offices/{office_id}", "opened" if active else "closed")


def _office(state: State, office_id: UUID) -> Office:
    with state.database.read() as session:
        found = session.get(Office, office_id)
    if found is None:
        raise NotFound("没有这个办事机构。")
    return found


def _look(state: State, office_id: UUID) -> dict[str, object]:
    office = _office(state, office_id)
    with state.database.read() as session:
        parent = session.get_one(Office, office.parent_id).name if office.parent_id else ""
        clerks, left = clerks_of(session, office_id), open_requests(session, office_id)
    return _form(office, cells_of(office, parent)) | {"clerks": clerks, "left": left}


def _form(office: Office | None, form: dict[str, str]) -> dict[str, object]:
    return {"office": office, "form": form, "services": _TAKEN, "clerks": [], "left": 0}


def _cells(fields: dict[str, str]) -> dict[str, str]:
    """The form as a row of a file."""
    return {column: fields.get(column, "") for column in _FIELDS}
