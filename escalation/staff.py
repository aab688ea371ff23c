"""Staff: the accounts and log-ins of lawyers, supervisors, administrators and clerks. Who is a lawyer stands in `lawyers`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVarTuple, get_args

from sqlalchemy import Select, delete, func, select, true
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_token
from core.security import hash_password, hash_token, password_matches
from escalation.errors import Conflict, Forbidden, Refused
from escalation.journal import audit
from escalation.models import Lawyer, Staff, StaffSession

Ts = TypeVarTuple("Ts")
Role = Literal["lawyer", "supervisor", "administrator", "clerk"]

PASSWORD_MIN_CHARS = 10
# Compared against when there is no such login, so that a wrong login takes as long as a wrong password.
_NOBODY = hash_password("nobody has this password")


@dataclass(frozen=True, slots=True)
class LogIn:
    token: str
    csrf_token: str
    staff: Staff


def create_staff(
    session: Session,
    *,
    login: str,
    name: str,
    password: str,
    role: str,
    lawyer: Lawyer | None = None,
    actor: str = "command line",
) -> Staff:
    """A new account. Raises Conflict when the login is taken, Refused for a weak password or an unknown role."""
    if role not in get_args(Role):
        raise Refused(f"角色只能是 lawyer、supervisor、administrator、clerk，不能是“{role}”。")
    if (role == "lawyer") != (lawyer is not None):
        raise Refused("律师账号必须对应一位律师，其他账号不能对应律师。")
    if session.execute(select(Staff.id).where(Staff.login == login)).first() is not None:
        raise Conflict(f"登录名“{login}”已经有人用了。", "login")
    account = Staff(
        login=login,
        name=name,
        password_hash=_hashed(password),
        role=role,
        lawyer_id=lawyer.id if lawyer else None,
    )
    session.add(account)
    session.flush()
    audit(session, actor, "create_staff", account.id, login=login, role=role)
    return account


def set_password(session: Session, login: str, password: str, actor: str = "command line") -> None:
    """Change a password and end every log-in of the account. Raises Refused when there is no such account."""
    account = session.execute(select(Staff).where(Staff.login == login)).scalar_one_or_none()
    if account is None:
        raise Refused(f"没有登录名为“{login}”的账号。")
    account.password_hash = _hashed(password)
    session.execute(delete(StaffSession).where(StaffSession.staff_id == account.id))
    audit(session, actor, "set_password", account.id)


def log_in(session: Session, login: str, password: str, hours: float) -> LogIn:
    """Raises Forbidden with the same words for a wrong login, a wrong password and a closed account."""
    account = session.execute(select(Staff).where(Staff.login == login)).scalar_one_or_none()
    matches = password_matches(account.password_hash if account else _NOBODY, password)
    if account is None or not matches or not _is_open(session, account):
        raise Forbidden("登录名或密码不对。")
    at = database_now(session)
    session.execute(delete(StaffSession).where(StaffSession.expires_at <= at))
    token, csrf_token = new_token(), new_token()
    session.add(
        StaffSession(
            token_hash=hash_token(token),
            staff_id=account.id,
            csrf_token=csrf_token,
            created_at=at,
            expires_at=at + timedelta(hours=hours),
        )
    )
    audit(session, f"staff:{account.id}", "log_in", account.id)
    return LogIn(token, csrf_token, account)


def find_log_in(session: Session, token: str) -> tuple[Staff, StaffSession] | None:
    """Who holds this session token; None when it is unknown, has run out, or the account is closed, or the lawyer has left."""
    statement = _valid(session, select(Staff, StaffSession)).where(StaffSession.token_hash == hash_token(token))
    found = session.execute(statement).one_or_none()
    return (found[0], found[1]) if found else None


def valid_sessions(session: Session, token_hashes: Sequence[str]) -> set[str]:
    """Those of these log-ins that have neither ended nor run out, of accounts that are open."""
    statement = _valid(session, select(StaffSession.token_hash)).where(StaffSession.token_hash.in_(token_hashes))
    return set(session.execute(statement).scalars())


def log_out(session: Session, token: str) -> None:
    found = session.get(StaffSession, hash_token(token))
    if found is not None:
        audit(session, f"staff:{found.staff_id}", "log_out", found.staff_id)
        session.delete(found)


def _valid(session: Session, chosen: Select[*Ts]) -> Select[*Ts]:
    """Of log-ins that have not run out, of accounts that are open."""
    return (
        chosen.select_from(StaffSession)
        .join(Staff, Staff.id == StaffSession.staff_id)
        .outerjoin(Lawyer, Lawyer.id == Staff.lawyer_id)
        .where(StaffSession.expires_at > database_now(session), Staff.active, func.coalesce(Lawyer.active, true()))
    )


def _is_open(session: Session, account: Staff) -> bool:
    """Whether it may be used: a lawyer who has left the register has left the desk."""
    return account.active and (account.lawyer_id is None or session.get_one(Lawyer, account.lawyer_id).active)


def _hashed(password: str) -> str:
    if len(password) < PASSWORD_MIN_CHARS:
        raise Refused(f"密码至少要 {PASSWORD_MIN_CHARS} 个字符。", "password")
    return hash_password(password)
