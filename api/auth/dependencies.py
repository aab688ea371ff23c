"""Who is asking: the account behind the session cookie."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from api.state import State, StateDep
from core.security import same
from escalation.models import Staff
from escalation.staff import find_log_in

COOKIE = "wenfa_staff"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    staff: Staff
    csrf_token: str

    @property
    def actor(self) -> str:
        """As the audit names this account."""
        return f"staff:{self.staff.id}"


def who_is_it(request: Request, state: State) -> LoggedIn | None:
    """The account of this request's cookie; None without one, or when the log-in has run out."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    with state.database.read() as session:
        found = find_log_in(session, token)
    return LoggedIn(found[0], found[1].csrf_token) if found else None


def logged_in(request: Request, state: StateDep) -> LoggedIn:
    """The account of this request. 401 without one; 403 for a changing request without its token in `X-CSRF-Token`."""
    who = who_is_it(request, state)
    if who is None:
        raise HTTPException(401, "请先登录")
    if request.method not in ("GET", "HEAD") and not same(request.headers.get(CSRF_HEADER, ""), who.csrf_token):
        raise HTTPException(403, "请求里缺少或带错了防伪标记（X-CSRF-Token），请刷新页面重试")
    return who


async def lawyer_id(who: "LoggedInDep") -> UUID:
    """The lawyer who is asking. 403 for other staff."""
    if who.staff.lawyer_id is None:
        raise HTTPException(403, "只有律师可以使用解答台")
    return who.staff.lawyer_id


LoggedInDep = Annotated[LoggedIn, Depends(logged_in)]
LawyerId = Annotated[UUID, Depends(lawyer_id)]
