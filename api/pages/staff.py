"""Who is at the desk, to a page: the account behind the session cookie, and the hidden field that says a form is ours."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from api.auth.dependencies import LoggedIn, who_is_it
from api.pages.errors import says
from api.pages.rendering import is_htmx, page
from api.state import StateDep
from core.security import same

ROLES = {"lawyer": "律师", "supervisor": "督导员", "administrator": "管理员", "clerk": "办事人员"}
HOMES = ("/desk", "/board", "/admin", "/office")
"""Where staff work: a log-in leads back to where it was asked for."""

_A_ROUND = re.compile(r"/desk/rounds/[0-9a-f-]{36}(?=/)")
"""The page that a form of the desk stood on."""


class NotLoggedIn(Exception):
    """Nobody is logged in: show the form, and come back here afterwards."""


class NotALawyer(Exception):
    """Somebody is logged in, but the desk is not for them."""

    def __init__(self, who: LoggedIn) -> None:
        super().__init__(who.staff.login)
        self.who = who


def staff_on_page(request: Request, state: StateDep, csrf_token: Annotated[str, Form()] = "") -> LoggedIn:
    """The account of this request. Raises NotLoggedIn; 403 for a form without its session's `csrf_token`."""
    who = who_is_it(request, state)
    if who is None:
        raise NotLoggedIn
    if request.method != "GET" and not same(csrf_token, who.csrf_token):
        raise HTTPException(403, "这一页是上一次登录时打开的，请刷新后重试。您写的内容还在")
    return who


def staff_reading(request: Request, state: StateDep) -> LoggedIn:
    """The same for requests that change nothing."""
    return staff_on_page(request, state)


def lawyer_reading(who: Annotated[LoggedIn, Depends(staff_reading)]) -> UUID:
    """The lawyer who is looking. Raises NotLoggedIn, NotALawyer."""
    if who.staff.lawyer_id is None:
        raise NotALawyer(who)
    return who.staff.lawyer_id


def lawyer_acting(who: Annotated[LoggedIn, Depends(staff_on_page)]) -> UUID:
    """The lawyer who sends a form. Raises NotLoggedIn, NotALawyer; 403 without the form's token."""
    if who.staff.lawyer_id is None:
        raise NotALawyer(who)
    return who.staff.lawyer_id


Reading = Annotated[LoggedIn, Depends(staff_reading)]
ActingStaff = Annotated[LoggedIn, Depends(staff_on_page)]
ReadingLawyer = Annotated[UUID, Depends(lawyer_reading)]
ActingLawyer = Annotated[UUID, Depends(lawyer_acting)]


def install(app: FastAPI) -> None:
    """Answer those who may not be here with the page that helps them on."""

    @app.exception_handler(NotLoggedIn)
    async def _log_in(request: Request, _error: NotLoggedIn) -> Response:
        if is_htmx(request):
            return says(request, 401, "登录已经过期，请另开一页登录后再试。您写的内容还在这里")
        home = next((each for each in HOMES if request.url.path.startswith(each)), "/desk")
        written_in = _A_ROUND.match(request.url.path)
        wanted = request.url.path if request.method == "GET" else written_in[0] if written_in else home
        return page(request, "login.html", 200 if request.method == "GET" else 401, error="", login="", wanted=wanted)

    @app.exception_handler(NotALawyer)
    async def _other_staff(request: Request, error: NotALawyer) -> Response:
        if is_htmx(request):
            return says(request, 403, "只有律师可以使用解答台")
        if error.who.staff.role == "clerk":
            return RedirectResponse("/office", 303)
        account, role = error.who.staff, ROLES.get(error.who.staff.role, "工作人员")
        return page(request, "not_a_lawyer.html", 403, account=account, role=role, csrf_token=error.who.csrf_token)
