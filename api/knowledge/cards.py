"""What a reviewer does with a card, each with its audit row in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import audit
from escalation.models import AuditRow, Staff
from knowledge_base.cards import editing
from knowledge_base.cards.citations import Unfit
from knowledge_base.cards.editing import WRITTEN_HERE, Misfilled, WrittenCard
from knowledge_base.models import Card, CardState

MAX_REASON = 500
_DEEDS_SHOWN = 50
_SUBJECT = 64
"""As long as an audit row's subject may be."""
_VERBS = {
    "draft_card": "写成草稿",
    "save_card": "修改",
    "publish_card": "发布",
    "withdraw_card": "撤下",
    "return_card": "退回草稿",
}


class MisfilledCard(Refused):
    """Several fields may be wrong at once. `faults`: by field, why."""

    def __init__(self, faults: dict[str, str]) -> None:
        field, message = next(iter(faults.items()))
        super().__init__(message, field)
        self.faults = faults


def save(
    session: Session,
    card_id: str,
    written: WrittenCard,
    actor: str,
    *,
    seen: datetime | None = None,
    source: str = WRITTEN_HERE,
) -> Card:
    """Keep what was written as a draft, which answers nobody. Raises MisfilledCard; Conflict where somebody was faster."""
    new = seen is None
    try:
        card = editing.save_card(session, card_id, written, source=source, seen=seen)
    except Misfilled as error:
        raise MisfilledCard(error.faults) from error
    except editing.Changed as error:
        raise Conflict(
            "这张卡片在您打开以后已经有人改过。您写的还在这里；请另开一页看看现在的内容，再决定怎样改。"
        ) from error
    audit(
        session,
        actor,
        "draft_card" if new else "save_card",
        card_id[:_SUBJECT],
        title=written.questions[0],
        source=card.source,
    )
    return card


def publish(session: Session, card_id: str, reviewer: str, actor: str) -> Card:
    """From the next index on the card answers, signed by `reviewer`. Raises NotFound; Refused where the law does not bear it out."""
    try:
        card = editing.publish_card(session, card_id, reviewer)
    except LookupError as error:
        raise NotFound(f"{error.args[0]}。") from error
    except Unfit as error:
        raise Refused(f"不能发布：{error}。", "citations") from error
    cited = [f"《{each.law}》{each.article}" for each in card.citations]
    audit(session, actor, "publish_card", card_id[:_SUBJECT], title=card.questions[0], reviewer=reviewer, cites=cited)
    return card


def withdraw(session: Session, card_id: str, actor: str, reason: str = "", *, reviewer: str = "") -> Card:
    """The card answers no more, from this moment. Raises NotFound, Conflict where it has been withdrawn before."""
    _check(session, card_id, CardState.WITHDRAWN, "这张卡片已经撤下了。")
    card = editing.withdraw_card(session, card_id, reviewer)
    audit(session, actor, "withdraw_card", card_id[:_SUBJECT], title=card.questions[0], reason=_reason(reason))
    return card


def return_to_draft(session: Session, card_id: str, actor: str, reason: str = "") -> Card:
    """The card answers no more until somebody has worked at it. Raises NotFound, Conflict where it is a draft already."""
    _check(session, card_id, CardState.DRAFT, "这张卡片已经是草稿了。")
    card = editing.return_to_draft(session, card_id)
    audit(session, actor, "return_card", card_id[:_SUBJECT], title=card.questions[0], reason=_reason(reason))
    return card


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of a card's history."""

    at: datetime
    who: str
    what: str
    reason: str


def history(session: Session, card_id: str) -> list[Deed]:
    """What has been done with the card, the latest first."""
    statement = select(AuditRow).where(AuditRow.subject == card_id[:_SUBJECT], AuditRow.verb.in_(_VERBS))
    rows = session.scalars(statement.order_by(AuditRow.id.desc()).limit(_DEEDS_SHOWN)).all()
    ids = {row.actor.removeprefix("staff:") for row in rows if row.actor.startswith("staff:")}
    names = {
        f"staff:{staff.id}": staff.name for staff in session.scalars(select(Staff).where(Staff.id.in_(map(UUID, ids))))
    }
    return [
        Deed(row.at, names.get(row.actor, "命令行"), _VERBS[row.verb], str(row.detail.get("reason", "")))
        for row in rows
    ]


def _check(session: Session, card_id: str, state: CardState, already: str) -> None:
    try:
        card = editing.get_card(session, card_id)
    except LookupError as error:
        raise NotFound(f"{error.args[0]}。") from error
    # What the law withdrew waits for a person to say so too: then it leaves the list for review.
    if card.state == state and not card.reason:
        raise Conflict(already)


def _reason(text: str) -> str:
    written = " ".join(text.split())
    if len(written) > MAX_REASON:
        raise Refused(f"原因最多 {MAX_REASON} 字，现在有 {len(written)} 字。", "reason")
    return written
