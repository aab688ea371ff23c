"""/v1/auth: log in, log out, who am I."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.auth import throttle
from api.auth.dependencies import COOKIE, LoggedInDep
from api.state import State, StateDep
from escalation import staff
from escalation.models import Staff
from escalation.staff import Role

router = APIRouter(prefix="/v1/auth", tags=["登录"])


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    login: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)


class WhoAmI(BaseModel):
    login: str
    name: str
    role: Role
    lawyer_id: UUID | None
    csrf_token: str


@router.post("/login", summary="登录")
def log_in(body: Credentials, request: Request, response: Response, state: StateDep) -> WhoAmI:
    """Sets the session cookie. Every later request that changes something sends `csrf_token` as X-CSRF-Token."""
    found = start_session(state, request, response, body.login, body.password)
    return _who(found.staff, found.csrf_token)


@router.post("/logout", status_code=204, summary="退出")
def log_out(_who: LoggedInDep, request: Request, response: Response, state: StateDep) -> None:
    end_session(state, request, response)


@router.get("/me", summary="当前登录的人")
def me(who: LoggedInDep) -> WhoAmI:
    return _who(who.staff, who.csrf_token)


def start_session(state: State, request: Request, response: Response, login: str, password: str) -> staff.LogIn:
    """Check the password, open a session, set its cookie. Raises Forbidden, 429."""
    address = request.client.host if request.client else ""
    throttle.check(state.redis, login, address)
    with state.database.write() as session:
        found = staff.log_in(session, login, password, state.settings.session_hours)
    throttle.forget(state.redis, login)
    response.set_cookie(
        COOKIE,
        found.token,
        max_age=state.settings.session_hours * 3600,
        httponly=True,
        samesite="strict",
        secure=state.settings.cookie_secure,
    )
    return found


def end_session(state: State, request: Request, response: Response) -> None:
    """Forget the session on the server and in the browser."""
    if token := request.cookies.get(COOKIE):
        with state.database.write() as session:
            staff.log_out(session, token)
    response.delete_cookie(COOKIE)


def _who(account: Staff, csrf_token: str) -> WhoAmI:
    return WhoAmI(
        login=account.login,
        name=account.name,
        role=account.role,
        lawyer_id=account.lawyer_id,
        csrf_token=csrf_token,
    )
