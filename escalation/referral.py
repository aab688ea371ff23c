"""Referral 转其他部门: a lawyer holds that what is asked is no matter for lawyers, and says who else helps."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.conversations import append_lawyer_message
from escalation.errors import Conflict, Refused
from escalation.journal import BOARD, DESK, audit, emit, tell_citizen
from escalation.models import Answer, Conversation, Lawyer, Message
from escalation.reach import leave_to_citizen, lock_reached_round

WORDS_MAX_CHARS = 1000
OFFICE_MAX_CHARS = 40


@dataclass(frozen=True, slots=True)
class Office:
    """Who else helps. `number`: what to dial, empty where each place has its own."""

    key: str
    name: str
    number: str = ""

    @property
    def label(self) -> str:
        return f"{self.name}（电话 {self.number}）" if self.number else self.name


OFFICES = {
    each.key: each
    for each in (
        Office("12345", "政务服务便民热线", "12345"),
        Office("110", "公安机关", "110"),
        Office("12315", "市场监督管理部门", "12315"),
        Office("12333", "人力资源和社会保障部门", "12333"),
        Office("12366", "税务机关", "12366"),
        Office("12348", "公共法律服务热线", "12348"),
        Office("petition", "当地信访局"),
        Office("community", "所在的社区居委会或村委会"),
    )
}
"""Public numbers that hold in all of the country. Another office is named in words."""

_SAID = (
    "这件事不属于法律问题，建议您找{office}。\n{words}\n\n"
    "您写的内容都保留着。仍想听律师的意见，接着写就可以，会重新推送给律师。"
)


def refer_round(session: Session, round_id: UUID, lawyer_id: UUID, office: str, words: str) -> Message:
    """End a round as no matter for lawyers; the citizen is told where to go, in the lawyer's words.

    `office` is a key of `OFFICES` or another office's name. It is no answer and breaks no promise: the round's clock stops,
    and whatever the citizen writes next goes to lawyers as ever. Raises Refused for an office or words missing or overlong;
    Conflict when the round is over, or a colleague has answered it and so held it to be a matter of law.
    """
    label = _label(office)
    said = words.strip()
    if not said:
        raise Refused("请写一两句为什么、到那里怎么说，市民会看到。", "words")
    if len(said) > WORDS_MAX_CHARS:
        raise Refused(f"说明最多 {WORDS_MAX_CHARS} 字，现在有 {len(said)} 字。", "words")
    round_, consultation = lock_reached_round(session, round_id, lawyer_id)
    if round_.state == "referred":
        raise Conflict(f"已经有律师建议市民找{round_.referred_to}。")
    if round_.state != "open":
        raise Conflict("这一轮提问已经不再等待解答，不必再转其他部门。")
    if session.execute(select(Answer.message_id).where(Answer.round_id == round_id).limit(1)).first() is not None:
        raise Conflict("已有律师解答了这一轮提问，不能再转其他部门。您可以在解答里写明该找哪个部门。")
    lawyer = session.get_one(Lawyer, lawyer_id)
    message = append_lawyer_message(
        session,
        session.get_one(Conversation, consultation.conversation_id),
        consultation,
        lawyer_id,
        _SAID.format(office=label, words=said),
        {"lawyer": {"id": str(lawyer.id), "name": lawyer.name, "firm": lawyer.firm}},
        kind="notice",
    )
    round_.state, round_.referred_to, round_.due_at = "referred", label, None
    leave_to_citizen(session, round_, consultation)
    audit(session, f"lawyer:{lawyer_id}", "refer_round", round_id, office=label, message=str(message.id))
    emit(session, DESK, "round", round_id=str(round_id))
    emit(session, BOARD, "referral", round_id=str(round_id))
    tell_citizen(session, consultation)
    return message


def _label(office: str) -> str:
    """How the office is named to the citizen. Raises Refused."""
    named = office.strip()
    if known := OFFICES.get(named):
        return known.label
    if not named:
        raise Refused("请选择或写明应当找的部门。", "office")
    if len(named) > OFFICE_MAX_CHARS:
        raise Refused(f"部门名称最多 {OFFICE_MAX_CHARS} 字，现在有 {len(named)} 字。", "office")
    return named
