"""Staff: lawyers, supervisors and administrators, their accounts and log-ins."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_token
from core.regions import ancestor, get_region
from core.security import hash_password, hash_token, password_matches
from escalation.errors import Conflict, Forbidden, Refused
from escalation.journal import audit
from escalation.models import Lawyer, Staff, StaffSession

Role = Literal["lawyer", "supervisor", "administrator"]
LawyerTier = Literal["city", "province", "nation"]

PASSWORD_MIN_CHARS = 10
# Compared against when there is no such login, so that a wrong login takes as long as a wrong password.
_NOBODY = hash_password("nobody has this password")


@dataclass(frozen=True, slots=True)
class LogIn:
    token: str
    csrf_token: str
    staff: Staff


def register_lawyer(
    session: Session, *, name: str, licence: str, region: str, tier: str, firm: str = "", actor: str = "command line"
) -> Lawyer:
    """Enter a lawyer, or bring one of this licence number up to date. Raises UnknownRegion, Refused."""
    get_region(region)
    if tier not in get_args(LawyerTier):
        raise Refused(f"层级只能是 city、province、nation，不能是“{tier}”。")
    lawyer = session.execute(select(Lawyer).where(Lawyer.licence == licence)).scalar_one_or_none()
    if lawyer is None:
        lawyer = Lawyer(licence=licence)
        session.add(lawyer)
    lawyer.name, lawyer.firm, lawyer.region, lawyer.tier = name, firm, region, tier
    lawyer.city, lawyer.province = ancestor(region, "prefecture"), ancestor(region, "province")
    session.flush()
    audit(session, actor, "register_lawyer", lawyer.id, licence=licence)
    return lawyer


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
        raise Refused(f"角色只能是 lawyer、supervisor、administrator，不能是“{role}”。")
    if (role == "lawyer") != (lawyer is not None):
        raise Refused("律师账号必须对应一位律师，其他账号不能对应律师。")
    if session.execute(select(Staff.id).where(Staff.login == login)).first() is not None:
        raise Conflict(f"登录名“{login}”已经有人用了。")
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
    if account is None or not matches or not account.active:
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
    """Who holds this session token; None when it is unknown, has run out, or the account is closed."""
    found = session.get(StaffSession, hash_token(token))
    if found is None or found.expires_at <= database_now(session):
        return None
    account = session.get_one(Staff, found.staff_id)
    return (account, found) if account.active else None


def log_out(session: Session, token: str) -> None:
    found = session.get(StaffSession, hash_token(token))
    if found is not None:
        audit(session, f"staff:{found.staff_id}", "log_out", found.staff_id)
        session.delete(found)


def _hashed(password: str) -> str:
    if len(password) < PASSWORD_MIN_CHARS:
        raise Refused(f"密码至少要 {PASSWORD_MIN_CHARS} 个字符。")
    return hash_password(password)
