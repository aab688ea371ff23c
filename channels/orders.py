"""Orders 工单: one for each consultation, as a hotline's own system keeps them; exported as CSV or JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.models import Caller
from core.clock import local
from core.csv_text import csv_text
from core.regions import full_name
from core.security import Vault
from escalation.consultations import RATING_LEVELS
from escalation.journal import audit
from escalation.models import Consultation, Conversation, Message, Rating
from escalation.places import lies_in

_AT_ONCE = 200
_STATES = {"waiting": "等待解答", "answered": "已解答", "closed": "已办结"}
CHANNELS = {"hotline": "热线", "wechat": "微信", "kiosk": "自助终端", "web": "网页"}


@dataclass(frozen=True, slots=True)
class Order:
    """One consultation. Times are those of the record; texts are whole."""

    number: str
    channel: str
    gateway: str
    region: str
    category: str
    contact: str
    """The telephone number of whoever called; empty on channels where none is known."""
    matter: str
    """The question and all that was asked on, in order."""
    reply: str
    """What lawyers answered, in order."""
    lawyers: str
    urgent: bool
    state: str
    opened_at: datetime
    first_answered_at: datetime | None
    closed_at: datetime | None
    rating: int | None


HEADINGS = {
    "number": "工单号", "channel": "渠道", "gateway": "网关", "region": "地区", "category": "类别", "contact": "联系方式",
    "matter": "诉求", "reply": "答复", "lawyers": "答复律师", "urgent": "紧急", "state": "状态", "opened_at": "受理时间",
    "first_answered_at": "首次答复时间", "closed_at": "办结时间", "rating": "评价",
}  # fmt: skip


def export_orders(
    session: Session, vault: Vault, since: datetime, until: datetime, region: str, channel: str, actor: str
) -> list[Order]:
    """The orders that were opened from `since` up to but not at `until`; of one channel, or with "" of all.

    Contacts are told: who exported what is in the audit. Raises UnknownRegion.
    """
    found = list(_orders(session, vault, since, until, region, channel))
    audit(
        session, actor, "export_orders", region,
        since=since.isoformat(), until=until.isoformat(), channel=channel, orders=len(found),
    )  # fmt: skip
    return found


def as_csv(orders: list[Order]) -> str:
    """Under the headings that offices know, to be opened in a spreadsheet."""
    rows = ([_shown(field.name, getattr(order, field.name)) for field in fields(Order)] for order in orders)
    return csv_text(HEADINGS.values(), rows)


def as_json(orders: list[Order]) -> str:
    """A list of objects, under the fields' names; times with their offset."""
    found = [{name: _moment(value) for name, value in asdict(order).items()} for order in orders]
    return json.dumps(found, ensure_ascii=False, indent=1)


def _orders(
    session: Session, vault: Vault, since: datetime, until: datetime, region: str, channel: str
) -> Iterator[Order]:
    statement = (
        select(Consultation, Conversation)
        .join(Conversation, Conversation.id == Consultation.conversation_id)
        .where(Consultation.opened_at >= since, Consultation.opened_at < until, lies_in(Consultation, region))
        .order_by(Consultation.opened_at, Consultation.id)
    )
    if channel:
        statement = statement.where(Conversation.channel == channel)
    rows = session.execute(statement).all()
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        consultations = [each.id for each, _ in some]
        said = _said(session, consultations)
        callers = {
            each.conversation_id: each
            for each in session.execute(
                select(Caller).where(Caller.conversation_id.in_([conversation.id for _, conversation in some]))
            ).scalars()
        }
        ratings = {
            (each.consultation_id, each.closing): each.level
            for each in session.execute(select(Rating).where(Rating.consultation_id.in_(consultations))).scalars()
        }
        for consultation, conversation in some:
            messages = said.get(consultation.id, [])
            answers = [each for each in messages if each.kind == "lawyer_answer"]
            caller = callers.get(conversation.id)
            names = [str((each.data.get("lawyer") or {}).get("name", "")) for each in answers]
            yield Order(
                number=consultation.number,
                channel=CHANNELS.get(conversation.channel, conversation.channel),
                gateway=caller.account if caller and caller.channel == "hotline" else "",
                region=full_name(consultation.region),
                category=consultation.category,
                contact=vault.decrypt(caller.address_encrypted) if caller and caller.channel == "hotline" else "",
                matter="\n".join(each.text for each in messages if each.author == "citizen"),
                reply="\n\n".join(f"{name}：{each.text}" for name, each in zip(names, answers, strict=True)),
                lawyers="、".join(dict.fromkeys(names)),
                urgent=consultation.urgent,
                state=_STATES.get(consultation.state, consultation.state),
                opened_at=consultation.opened_at,
                first_answered_at=answers[0].created_at if answers else None,
                closed_at=consultation.closed_at,
                rating=ratings.get((consultation.id, consultation.closings)),
            )


def _said(session: Session, consultations: list[UUID]) -> dict[UUID, list[Message]]:
    """What citizens and lawyers said in these consultations, in order."""
    statement = select(Message).where(Message.consultation_id.in_(consultations)).order_by(Message.seq)
    found: dict[UUID, list[Message]] = {}
    for message in session.execute(statement).scalars():
        if message.consultation_id is not None:
            found.setdefault(message.consultation_id, []).append(message)
    return found


def _shown(name: str, value: object) -> object:
    return RATING_LEVELS[value] if name == "rating" and isinstance(value, int) else value


def _moment(value: object) -> object:
    return local(value).isoformat() if isinstance(value, datetime) else value
