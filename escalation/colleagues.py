"""Asking a colleague 请同行来看: a lawyer finds another one and has the round pushed to them."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, column, exists, func, or_, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.regions import ancestor, get_region
from escalation.errors import Conflict, NotFound
from escalation.journal import DESK, audit, emit
from escalation.models import AuditRow, Lawyer, Push
from escalation.reach import lock_reached_round
from escalation.tiers import push_to

MOST_SUGGESTIONS = 5
_SHOWN = 10
_SUGGEST = "suggest_colleague"


@dataclass(frozen=True, slots=True)
class Colleague:
    """What one lawyer is told of another: enough to choose by, nothing to call them up by."""

    id: UUID
    name: str
    licence: str
    firm: str
    region: str
    specialties: tuple[str, ...]


def find_colleagues(session: Session, text: str = "", *, region: str, specialty: str = "") -> list[Colleague]:
    """Active lawyers by name, firm or specialty: those of the region's city first, then of its province; ten at the most.

    Each word of `text` must be found. Raises UnknownRegion.
    """
    get_region(region)
    found = select(Lawyer).where(Lawyer.active.is_(True))
    for word in text.split():
        by_word = or_(Lawyer.name.icontains(word, autoescape=True), Lawyer.firm.icontains(word, autoescape=True))
        found = found.where(by_word | _specialised(session, word))
    if specialty.strip():
        found = found.where(_specialised(session, specialty.strip()))
    nearest = case(
        (Lawyer.city == (ancestor(region, "prefecture") or ""), 0),
        (Lawyer.province == (ancestor(region, "province") or ""), 1),
        else_=2,
    )
    rows = session.execute(found.order_by(nearest, Lawyer.name, Lawyer.id).limit(_SHOWN)).scalars()
    return [
        Colleague(each.id, each.name, each.licence, each.firm, each.region, tuple(map(str, each.specialties)))
        for each in rows
    ]


def suggest_colleague(session: Session, round_id: UUID, lawyer_id: UUID, colleague: UUID | str) -> Lawyer:
    """Push the round to a colleague, named by id or by licence number, wherever in the country they are.

    Raises NotFound when there is no such active lawyer; Conflict when the round is over, has reached them already, or this
    lawyer has suggested as many as one may.
    """
    round_, _ = lock_reached_round(session, round_id, lawyer_id)
    if round_.state != "open":
        raise Conflict("这一轮提问已经不再等待解答，不必再请同行。")
    named = Lawyer.id == colleague if isinstance(colleague, UUID) else Lawyer.licence == colleague.strip()
    chosen = session.execute(select(Lawyer).where(named, Lawyer.active.is_(True))).scalar_one_or_none()
    if chosen is None:
        raise NotFound("没有这位律师，或其账号已停用。")
    if session.get(Push, (round_id, chosen.id)) is not None:
        raise Conflict(f"这一轮提问已经推送给{chosen.name}，不必再推荐。")
    if len(suggested_by(session, round_id, lawyer_id)) >= MOST_SUGGESTIONS:
        raise Conflict(f"一轮提问每人最多推荐 {MOST_SUGGESTIONS} 位同行，您已经推荐满了。")
    push_to(session, round_, Lawyer.id == chosen.id, "suggested", database_now(session))
    audit(session, f"lawyer:{lawyer_id}", _SUGGEST, round_id, colleague=str(chosen.id))
    emit(session, DESK, "push", round_id=str(round_id), tier="suggested")
    return chosen


def suggested_by(session: Session, round_id: UUID, lawyer_id: UUID) -> list[Lawyer]:
    """The colleagues to whom this lawyer has had the round pushed, the first one first."""
    deeds = select(AuditRow.detail).where(
        AuditRow.subject == str(round_id), AuditRow.verb == _SUGGEST, AuditRow.actor == f"lawyer:{lawyer_id}"
    )
    ids = [UUID(detail["colleague"]) for detail in session.execute(deeds.order_by(AuditRow.id)).scalars()]
    lawyers = {each.id: each for each in session.execute(select(Lawyer).where(Lawyer.id.in_(ids))).scalars()}
    return [lawyers[each] for each in ids]


def _specialised(session: Session, word: str) -> ColumnElement[bool]:
    """Whether one of a `Lawyer`'s specialties has this word in it.

    The elements are compared, not the list's JSON, which SQLite keeps with every Chinese character escaped.
    """
    postgresql = session.get_bind().dialect.name == "postgresql"
    unpack = func.jsonb_array_elements_text if postgresql else func.json_each
    element = unpack(Lawyer.specialties).table_valued(column("value", String), joins_implicitly=True)
    return exists(select(1).select_from(element).where(element.c.value.icontains(word, autoescape=True)))
