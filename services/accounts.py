"""A new account with what it works on: a lawyer of the register, or an office."""

from uuid import UUID

from sqlalchemy.orm import Session

from escalation.errors import Refused
from escalation.lawyers import find_lawyer
from escalation.models import Staff
from escalation.staff import create_staff
from services.offices import place_clerk


def open_account(
    session: Session, *, login: str, name: str, role: str, password: str, actor: str,
    licence: str = "", office_id: UUID | None = None,
) -> Staff:  # fmt: skip
    """An account of this role: a lawyer's for the licence number, with the lawyer's name where none is given; a clerk's for the
    office, at which a lawyer may sit too.

    Raises Refused, which names the field; Conflict where the login is taken.
    """
    login, name = login.strip(), name.strip()
    lawyer = find_lawyer(session, licence.strip()) if role == "lawyer" else None
    if role == "lawyer" and lawyer is None:
        raise Refused("名册里没有这个执业证号。请先登记这位律师。", "licence")
    if not login or len(login) > 64:
        raise Refused("登录名不能为空，最多 64 个字。", "login")
    name = name or (lawyer.name if lawyer else "")
    if not name or len(name) > 64:
        raise Refused("姓名不能为空，最多 64 个字。", "name")
    account = create_staff(session, login=login, name=name, password=password, role=role, lawyer=lawyer, actor=actor)
    if role == "clerk" and office_id is None:
        raise Refused("请选择在哪个机构办事。", "office")
    if office_id is not None:
        place_clerk(session, account, office_id, actor)
    return account
