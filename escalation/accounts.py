"""Accounts of staff as an administrator looks after them: found, closed, opened again, logged out. `staff` makes them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.paging import Paged, one_page
from escalation.errors import Conflict, NotFound
from escalation.journal import audit
from escalation.models import AuditRow, Lawyer, Staff, StaffSession

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Nothing that looks like something else, for a password that is copied from a screen by hand."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and what is known of its use."""

    staff: Staff
    lawyer: Lawyer | None
    last_log_in: datetime | None
    log_ins: int
    """How many of its log-ins are good at this moment."""


def initial_password() -> str:
    """One to begin with, 79 bits, in four pieces that can be read aloud."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def find_accounts(
    session: Session, text: str = "", role: str = "", active: bool | None = None, number: int = 1
) -> Paged[Account]:
    """A page of them by role and login. `text`: part of a login or a name."""
    found = select(Staff)
    for word in text.split():
        found = found.where(
            or_(Staff.login.icontains(word, autoescape=True), Staff.name.icontains(word, autoescape=True))
        )
    if role:
        found = found.where(Staff.role == role)
    if active is not None:
        found = found.where(Staff.active.is_(active))
    page = one_page(session, found.order_by(Staff.role, Staff.login), number)
    return Paged(_accounts(session, page.rows), page.total, page.number)


def look_at_account(session: Session, staff_id: UUID) -> Account:
    """One of them. Raises NotFound."""
    return _accounts(session, [_account(session, staff_id)])[0]


def deactivate_staff(session: Session, staff_id: UUID, actor: str) -> Staff:
    """Nobody logs in with it any more, and its log-ins end. Raises NotFound; Conflict for one's own and the last administrator's."""
    # Two administrators who close each other's accounts at once must come one after the other.
    administrators = select(Staff).where(Staff.role == "administrator", Staff.active).order_by(Staff.id)
    open_ones = session.execute(administrators.with_for_update()).scalars().all()
    account = _account(session, staff_id)
    if actor == f"staff:{staff_id}":
        raise Conflict("不能停用自己的账号。请另一位管理员来做。")
    if [each.id for each in open_ones] == [staff_id]:
        raise Conflict("这是最后一个在用的管理员账号，停用之后就没有人能管理了。请先建立另一个管理员账号。")
    if account.active:
        account.active = False
        session.execute(delete(StaffSession).where(StaffSession.staff_id == staff_id))
        audit(session, actor, "deactivate_staff", staff_id, login=account.login)
    return account


def reactivate_staff(session: Session, staff_id: UUID, actor: str) -> Staff:
    """Raises NotFound."""
    account = _account(session, staff_id)
    if not account.active:
        account.active = True
        audit(session, actor, "reactivate_staff", staff_id, login=account.login)
    return account


def end_log_ins(session: Session, staff_id: UUID, actor: str) -> int:
    """Whoever is logged in with it is no longer. Gives the number of log-ins ended. Raises NotFound."""
    account = _account(session, staff_id)
    at = database_now(session)
    good = select(func.count()).where(StaffSession.staff_id == staff_id, StaffSession.expires_at > at)
    ended = session.execute(good).scalar_one()
    session.execute(delete(StaffSession).where(StaffSession.staff_id == staff_id))
    audit(session, actor, "end_log_ins", staff_id, login=account.login, ended=ended)
    return ended


def _account(session: Session, staff_id: UUID) -> Staff:
    account = session.get(Staff, staff_id)
    if account is None:
        raise NotFound("没有这个账号。")
    return account


def _accounts(session: Session, found: Sequence[Staff]) -> list[Account]:
    ids = [each.id for each in found]
    lawyers = select(Lawyer).where(Lawyer.id.in_([each.lawyer_id for each in found if each.lawyer_id]))
    by_id = {each.id: each for each in session.execute(lawyers).scalars()}
    at = database_now(session)
    good = select(StaffSession.staff_id, func.count()).where(
        StaffSession.staff_id.in_(ids), StaffSession.expires_at > at
    )
    log_ins: dict[UUID, int] = {row[0]: row[1] for row in session.execute(good.group_by(StaffSession.staff_id))}
    seen = select(AuditRow.subject, func.max(AuditRow.at)).where(
        AuditRow.subject.in_([str(each) for each in ids]), AuditRow.verb == "log_in"
    )
    last: dict[str, datetime] = {row[0]: row[1] for row in session.execute(seen.group_by(AuditRow.subject))}
    return [
        Account(
            each, by_id.get(each.lawyer_id) if each.lawyer_id else None, last.get(str(each.id)), log_ins.get(each.id, 0)
        )
        for each in found
    ]
