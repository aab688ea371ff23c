"""Who is at the desk, to a page: the account behind the session cookie, and the hidden field that says a form is ours."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.auth.dependencies import COOKIE
from api.pages.errors import says
from api.pages.rendering import is_htmx, page
from api.state import State, StateDep
from core.security import same
from escalation.models import Staff
from escalation.staff import find_log_in

ROLES = {"lawyer": "律师", "supervisor": "督导员", "administrator": "管理员"}


class NotLoggedIn(Exception):
    """Nobody is logged in: show the form, and come back here afterwards."""


class NotALawyer(Exception):
    """Somebody is logged in, but the desk is not for them."""

    def __init__(self, who: "AtTheDesk") -> None:
        super().__init__(who.account.login)
        self.who = who


@dataclass(frozen=True, slots=True)
class AtTheDesk:
    account: Staff
    csrf_token: str


def staff_on_page(request: Request, state: StateDep, csrf_token: Annotated[str, Form()] = "") -> AtTheDesk:
    """The account of this request. Raises NotLoggedIn; 403 for a form without its session's `csrf_token`."""
    token = request.cookies.get(COOKIE)
    found = None
    if token:
        with state.database.read() as session:
            found = find_log_in(session, token)
    if found is None:
        raise NotLoggedIn
    account, log_in = found
    if request.method != "GET" and not same(csrf_token, log_in.csrf_token):
        raise HTTPException(403, "这一页是上一次登录时打开的，请刷新后重试。您写的内容还在")
    return AtTheDesk(account, log_in.csrf_token)


def staff_reading(request: Request, state: StateDep) -> AtTheDesk:
    """The same for requests that change nothing."""
    return staff_on_page(request, state)


def still_logged_in(request: Request, state: State) -> bool:
    """For streams, which outlive the check at their beginning."""
    with state.database.read() as session:
        return find_log_in(session, request.cookies.get(COOKIE, "")) is not None


def lawyer_reading(who: Annotated[AtTheDesk, Depends(staff_reading)]) -> UUID:
    """The lawyer who is looking. Raises NotLoggedIn, NotALawyer."""
    if who.account.lawyer_id is None:
        raise NotALawyer(who)
    return who.account.lawyer_id


def lawyer_acting(who: Annotated[AtTheDesk, Depends(staff_on_page)]) -> UUID:
    """The lawyer who sends a form. Raises NotLoggedIn, NotALawyer; 403 without the form's token."""
    if who.account.lawyer_id is None:
        raise NotALawyer(who)
    return who.account.lawyer_id


Reading = Annotated[AtTheDesk, Depends(staff_reading)]
ActingStaff = Annotated[AtTheDesk, Depends(staff_on_page)]
ReadingLawyer = Annotated[UUID, Depends(lawyer_reading)]
ActingLawyer = Annotated[UUID, Depends(lawyer_acting)]


def install(app: FastAPI) -> None:
    """Answer those who may not be here with the page that helps them on."""

    @app.exception_handler(NotLoggedIn)
    async def _log_in(request: Request, _error: NotLoggedIn) -> Response:
        if is_htmx(request):
            return says(request, 401, "登录已经过期，请另开一页登录后再试。您写的内容还在这里")
        wanted = request.url.path if request.method == "GET" else "/desk"
        return page(request, "login.html", 200 if request.method == "GET" else 401, error="", login="", wanted=wanted)

    @app.exception_handler(NotALawyer)
    async def _other_staff(request: Request, error: NotALawyer) -> Response:
        if is_htmx(request):
            return says(request, 403, "只有律师可以使用解答台")
        account, role = error.who.account, ROLES.get(error.who.account.role, "工作人员")
        return page(request, "not_a_lawyer.html", 403, account=account, role=role, csrf_token=error.who.csrf_token)
