"""What a page shows of messages and of a consultation: the record, in the order and the words of the screen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from bot.actions.wording import minutes, referred
from core.clock import now
from core.regions import ancestor, get_region
from escalation import consultations
from escalation.conversations import DISCLAIMER
from escalation.models import Message
from escalation.progress import Progress
from escalation.replies import Choice, Citation


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message on the screen."""

    seq: int
    author: str
    kind: str
    text: str
    disclaimer: str
    """The sentence that answers are no lawyer's opinion, where this bubble ends with it."""
    citations: list[Citation]
    choices: list[Choice]
    lawyer_id: UUID | None
    lawyer: str
    firm: str
    position: int
    """The first lawyer to answer the consultation is 1; 0 for all who have not answered."""
    client_message_id: str
    """By which the page knows its own words again; empty for all but citizens."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a consultation stands, in a line and a tone: waiting, late, answered or closed."""

    tone: str
    parts: tuple[str, ...]
    """What is said, in pieces that a line may break between."""
    left_seconds: int | None
    """Until the promise is due; None when nothing is being waited for, or it is past."""

    @property
    def left(self) -> str:
        """As far as the server can say; the page's script counts on from here."""
        if self.left_seconds is None:
            return ""
        return f"约还有 {minutes(self.left_seconds)}" if self.left_seconds > 0 else "时间已到，仍在催请"


def bubbles(session: Session, messages: Iterable[Message]) -> list[Bubble]:
    """The messages as they are shown."""
    answerers: dict[UUID, list[UUID]] = {}
    shown = []
    for message in messages:
        position = 0
        if message.lawyer_id is not None and message.consultation_id is not None:
            known = answerers.get(message.consultation_id)
            if known is None:
                known = answerers[message.consultation_id] = consultations.lawyers_who_answered(
                    session, message.consultation_id
                )
            # Who has only referred the question elsewhere has answered nothing, and has no place among those who have.
            position = known.index(message.lawyer_id) + 1 if message.lawyer_id in known else 0
        shown.append(_bubble(message, position))
    return shown


def waiting(progress: Progress) -> Waiting:
    """The truth about a consultation, in one line."""
    round_ = progress.round
    if progress.state == "closed":
        return Waiting("closed", ("这次咨询已经结束。您接着写，就会重新打开。",), None)
    if round_.state == "referred":
        return Waiting("answered", (referred(progress),), None)
    if round_.state != "open":
        return Waiting("answered", (f"已有 {len(progress.lawyers)} 位律师解答。您可以继续追问，不限次数。",), None)
    if round_.broken:
        answered = f"{round_.answered} 位已解答" if round_.answered else "还没有律师解答"
        said = f"超过了答应您的 {minutes(round_.promised_seconds)}，对不起。{answered}，我们在继续催请。"
        return Waiting("late", (said,), None)
    if round_.pushed == 0:
        return Waiting("waiting", ("已登记。眼下没有可以接收的律师，一有律师上线就推送。",), None)
    parts = [f"已推送给{_circle(progress)} {round_.pushed} 位律师"]
    if round_.writing:
        parts.append(f"{round_.writing} 位正在写")
    parts.append(f"{round_.answered} 位已解答")
    return Waiting("waiting", tuple(parts), round((round_.deadline - now()).total_seconds()))


def _circle(progress: Progress) -> str:
    """Where the lawyers are whom it has been pushed to, as briefly as a line on a phone can say it."""
    city = ancestor(progress.region, "prefecture")
    return {"city": get_region(city).name if city else "", "province": "全省（区）", "nation": "全国"}.get(
        progress.round.tier, ""
    )


def addressable(progress: Progress | None, chosen: Sequence[UUID] = ()) -> list[tuple[UUID, int, str, bool]]:
    """The lawyers a follow-up can be for: (id, position, name, chosen already)."""
    if progress is None or progress.state == "closed":
        return []
    return [(each.id, each.position, each.name, each.id in chosen) for each in progress.lawyers]


def _bubble(message: Message, position: int) -> Bubble:
    text, disclaimer = message.text, ""
    if message.author == "service" and text.endswith(DISCLAIMER):
        text, disclaimer = text.removesuffix(DISCLAIMER).rstrip(), DISCLAIMER
    lawyer = message.data.get("lawyer") or {}
    return Bubble(
        seq=message.seq,
        author=message.author,
        kind=message.kind,
        text=text,
        disclaimer=disclaimer,
        citations=[Citation.model_validate(each) for each in message.data.get("citations", ())],
        choices=[Choice.model_validate(each) for each in message.data.get("choices", ())],
        lawyer_id=message.lawyer_id,
        lawyer=lawyer.get("name", ""),
        firm=lawyer.get("firm", ""),
        position=position,
        client_message_id=(message.client_message_id or "") if message.author == "citizen" else "",
        created_at=message.created_at,
    )
