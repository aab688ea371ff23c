"""Who is asking: the account behind the session cookie."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from api.state import StateDep
from core.security import same
from escalation.models import Staff
from escalation.staff import find_log_in

COOKIE = "wenfa_staff"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    staff: Staff
    csrf_token: str


def logged_in(request: Request, state: StateDep) -> LoggedIn:
    """The account of this request. 401 without one; 403 for a changing request without its CSRF token.

    The token comes in the header `X-CSRF-Token`, or from a form as the field `csrf_token` (checked by the page).
    """
    token = request.cookies.get(COOKIE)
    found = None
    if token:
        with state.database.read() as session:
            found = find_log_in(session, token)
    if found is None:
        raise HTTPException(401, "请先登录")
    account, log_in = found
    if request.method not in ("GET", "HEAD") and not same(request.headers.get(CSRF_HEADER, ""), log_in.csrf_token):
        raise HTTPException(403, "请求里缺少或带错了防伪标记（X-CSRF-Token），请刷新页面重试")
    return LoggedIn(account, log_in.csrf_token)


def lawyer_id(who: "LoggedInDep") -> UUID:
    """The lawyer who is asking. 403 for other staff."""
    if who.staff.lawyer_id is None:
        raise HTTPException(403, "只有律师可以使用解答台")
    return who.staff.lawyer_id


LoggedInDep = Annotated[LoggedIn, Depends(logged_in)]
LawyerId = Annotated[UUID, Depends(lawyer_id)]
