"""The administration: accounts 账号 of staff. Made with a password told once, logged out, closed and opened again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import STATES, Posted, Search, back, page_number, refused_page, shown
from api.pages.staff import ROLES
from api.state import State, StateDep
from escalation.accounts import (
    Account,
    deactivate_staff,
    end_log_ins,
    find_accounts,
    initial_password,
    look_at_account,
    reactivate_staff,
)
from escalation.errors import Refused
from escalation.staff import PASSWORD_MIN_CHARS, set_password
from services.accounts import open_account
from services.models import Office
from services.offices import all_offices, office_at, place_clerk

router = APIRouter(prefix="/admin/accounts")

_FIELDS = ("role", "login", "name", "licence", "office", "password")


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    search = Search(request, "q", "role", "state")
    with state.database.read() as session:
        found = find_accounts(session, search["q"], search["role"], search.active, page_number(request))
        offices = {
            each.staff.id: office_at(session, each.staff.id) for each in found.rows if each.staff.role == "clerk"
        }
    roles = (("", "全部"), *ROLES.items())
    return shown(
        request, "admin_accounts.html", who, search=search, found=found, offices=offices, roles=roles, names=ROLES,
        states=STATES,
    )  # fmt: skip


@router.get("/new")
def new_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    given = {name: request.query_params.get(name, "")[:100] for name in _FIELDS}
    return shown(request, "admin_account_new.html", who, **_form(state, given | {"password": ""}))


@router.post("/new")
def create(request: Request, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    """The page of the new account, with its password where we made it: shown this once."""
    form = {name: fields.get(name, "") for name in _FIELDS}
    password = form["password"] or initial_password()
    try:
        with state.database.write() as session:
            account = open_account(
                session, login=form["login"], name=form["name"], role=form["role"], password=password, actor=who.actor,
                licence=form["licence"], office_id=_office_id(form["office"]),
            )  # fmt: skip
    except Refused as error:
        return refused_page(request, "admin_account_new.html", who, error, **_form(state, form))
    return _page(request, who, state, account.id, password="" if form["password"] else password, done="账号已开立。")


@router.get("/{staff_id}")
def account_page(request: Request, staff_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return _page(request, who, state, staff_id)


@router.post("/{staff_id}/password")
def reset_password(
    request: Request, staff_id: UUID, who: ActingAdministrator, state: StateDep, password: Annotated[str, Form()] = ""
) -> Response:
    """The page with the new password where we made it: shown this once. Every log-in of the account ends."""
    account = _look(state, staff_id)
    chosen = password or initial_password()
    try:
        with state.database.write() as session:
            set_password(session, account.staff.login, chosen, who.actor)
    except Refused as error:
        return _page(request, who, state, staff_id, error=error)
    done = "密码已改，这个账号原来的登录都已结束。"
    return _page(request, who, state, staff_id, password="" if password else chosen, done=done)


@router.post("/{staff_id}/log-ins")
def log_out(staff_id: UUID, who: ActingAdministrator, state: StateDep) -> Response:
    with state.database.write() as session:
        end_log_ins(session, staff_id, who.actor)
    return back(f"/admin/accounts/{staff_id}", "ended")


@router.post("/{staff_id}/office")
def move(
    request: Request, staff_id: UUID, who: ActingAdministrator, state: StateDep, office: Annotated[str, Form()] = ""
) -> Response:
    account = _look(state, staff_id)
    try:
        if (office_id := _office_id(office)) is None:
            raise Refused("请选择在哪个机构办事。", "office")
        with state.database.write() as session:
            place_clerk(session, account.staff, office_id, who.actor)
    except Refused as error:
        return _page(request, who, state, staff_id, error=error)
    return back(f"/admin/accounts/{staff_id}", "saved")


@router.get("/{staff_id}/active")
def confirm_page(request: Request, staff_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return _confirm(request, who, _look(state, staff_id))


@router.post("/{staff_id}/active")
def set_active(
    request: Request,
    staff_id: UUID,
    who: ActingAdministrator,
    state: StateDep,
    active: Annotated[bool, Form()] = False,
) -> Response:
    try:
        with state.database.write() as session:
            (reactivate_staff if active else deactivate_staff)(session, staff_id, who.actor)
    except Refused as error:
        return _confirm(request, who, _look(state, staff_id), error)
    return back(f"/admin/accounts/{staff_id}", "opened" if active else "closed")


def _confirm(request: Request, who: LoggedIn, account: Account, error: Refused | None = None) -> HTMLResponse:
    staff = account.staff
    context = {
        "title": f"停用账号 {staff.login}",
        "says": [
            f"停用之后，{staff.name}不能再用这个账号登录，正在用的马上退出。做过的事和审计记录都还在。",
            "以后可以随时恢复。",
        ],
        "button": "停用",
        "action": f"/admin/accounts/{staff.id}/active",
        "back": f"/admin/accounts/{staff.id}",
    }
    if error is not None:
        return refused_page(request, "admin_confirm.html", who, error, **context)
    return shown(request, "admin_confirm.html", who, **context)


def _look(state: State, staff_id: UUID) -> Account:
    with state.database.read() as session:
        return look_at_account(session, staff_id)


def _page(
    request: Request,
    who: LoggedIn,
    state: State,
    staff_id: UUID,
    *,
    password: str = "",
    error: Refused | None = None,
    **context: object,
) -> HTMLResponse:
    with state.database.read() as session:
        account = look_at_account(session, staff_id)
        office = office_at(session, staff_id)
        offices = _offices(state) if account.staff.role == "clerk" else []
    context |= {
        "one": account, "role": ROLES.get(account.staff.role, account.staff.role), "office": office, "offices": offices,
        "password": password, "least": PASSWORD_MIN_CHARS, "own": account.staff.id == who.staff.id,
    }  # fmt: skip
    if error is not None:
        return refused_page(request, "admin_account.html", who, error, **context)
    return shown(request, "admin_account.html", who, **context)


def _form(state: State, form: dict[str, str]) -> dict[str, object]:
    form = form | {"role": form["role"] if form["role"] in ROLES else "lawyer"}
    return {"form": form, "roles": list(ROLES.items()), "offices": _offices(state), "least": PASSWORD_MIN_CHARS}


def _offices(state: State) -> list[tuple[str, str]]:
    with state.database.read() as session:
        found: list[Office] = all_offices(session)
    return [("", "请选择"), *((str(each.id), each.name) for each in found)]


def _office_id(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None
