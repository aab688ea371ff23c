"""What people do with a card here: write it, publish it, take it out of service. Afterwards the card is theirs (`Card.kept`).

Who may, and the audit row that goes with each, are the callers' business (`api.knowledge.cards`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from core import clock
from core.clock import now
from core.regions import get_region
from knowledge_base.cards.citations import Unfit, check_card, read_anew, version_read, versions_of
from knowledge_base.cards.files import CATEGORIES, MAX_ANSWER, CitationDraft
from knowledge_base.importing.drafts import BrokenSource
from knowledge_base.models import Card, CardCitation, CardState
from knowledge_base.text import normalise

WRITTEN_HERE = "管理台"
"""The source of a card that was written on the administration's pages."""
MAX_QUESTIONS, MAX_QUESTION_CHARS = 20, 100


class Misfilled(ValueError):
    """A card that cannot be kept as it is written. `faults`: by field, why (Chinese)."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("；".join(faults.values()))
        self.faults = faults


class Changed(ValueError):
    """Somebody else has changed the card in the meantime."""


@dataclass(frozen=True, slots=True)
class WrittenCard:
    """A card as somebody writes it. `region` is a code; the first question is the title."""

    category: str
    region: str
    questions: tuple[str, ...]
    answer: str
    citations: tuple[CitationDraft, ...]

    def faults(self) -> dict[str, str]:
        """What is wrong with it, by field; empty where nothing is."""
        found = {}
        if self.category not in CATEGORIES:
            found["category"] = "请选一个类别。"
        if not self.questions:
            found["questions"] = "请至少写一个问法，一行一个。"
        elif len(self.questions) > MAX_QUESTIONS:
            found["questions"] = f"问法最多 {MAX_QUESTIONS} 个，现在有 {len(self.questions)} 个。"
        elif long := next((each for each in self.questions if len(each) > MAX_QUESTION_CHARS), None):
            found["questions"] = f"“{long[:12]}…”太长，一个问法最多 {MAX_QUESTION_CHARS} 字。"
        if not self.answer:
            found["answer"] = "请写回答。"
        elif len(self.answer) > MAX_ANSWER:
            found["answer"] = f"回答最多 {MAX_ANSWER} 字，现在有 {len(self.answer)} 字。"
        return found


def questions_of(text: str) -> tuple[str, ...]:
    """The questions of these lines, each once, as they are kept."""
    return tuple(dict.fromkeys(question for line in text.splitlines() if (question := normalise(line).strip())))


def cited(session: Session, citations: tuple[CitationDraft, ...], region: str) -> list[CardCitation]:
    """The citations as they would be kept: a version that is not named is the one in force today. Raises BrokenSource."""
    day = clock.today()
    return [
        CardCitation(
            position=place, law=each.law, article=each.article, says=list(each.says), gist=each.gist,
            promulgated=each.promulgated or _version_today(session, each.law, region, day),
        )
        for place, each in enumerate(citations)
    ]  # fmt: skip


def save_card(
    session: Session, card_id: str, written: WrittenCard, *, source: str = WRITTEN_HERE, seen: datetime | None = None
) -> Card:
    """Keep what was written, as a draft, whether or not its citations hold. `seen`: when the card that was changed had last
    been changed; None for a new one.

    Raises Misfilled; Changed where somebody was faster; core.regions.UnknownRegion.
    """
    get_region(written.region)
    if faults := written.faults():
        raise Misfilled(faults)
    card = session.get(Card, card_id, with_for_update=True)
    try:
        citations = cited(session, written.citations, written.region)
    except BrokenSource as error:
        raise Misfilled({"citations": f"{error}。"}) from error
    if card is not None and card.changed_at != seen:
        if card.state == CardState.DRAFT and _content(card, card.citations) == _content(written, citations):
            return card  # sent twice
        raise Changed
    if card is None:
        day = clock.today()
        card = Card(id=card_id, source=source, digest="", reviewer="", reviewed_on=day, texts_of=day)
    card.category, card.region, card.answer = written.category, written.region, written.answer
    card.questions, card.kept = list(written.questions), True
    card.state, card.reason, card.changed_at = CardState.DRAFT, "", now()
    card.citations.clear()
    session.add(card)
    session.flush()
    card.citations.extend(citations)
    session.flush()
    return card


def publish_card(session: Session, card_id: str, reviewer: str) -> Card:
    """Put a card in service after `reviewer` held it against the law as it now is.

    Raises LookupError for an unknown card, Unfit where nobody signs, where it cites nothing or a citation does not hold.
    """
    card = get_card(session, card_id)
    if not reviewer.strip():
        raise Unfit("发布卡片要写明由谁复核（--reviewer）")
    if not card.citations:
        raise Unfit("卡片没有引用任何条文，不能发布")
    held = versions_of(session, {each.law for each in card.citations}, card.region)
    day = clock.today()
    read_anew(card.citations, held, day)
    resting_on = check_card(session, card, held, day)
    if all(each.article is not None for each in resting_on):
        card.texts_of = day
    card.state, card.reason, card.reviewer, card.reviewed_on, card.changed_at, card.kept = (
        CardState.PUBLISHED, "", reviewer.strip(), day, now(), True,
    )  # fmt: skip
    return card


def withdraw_card(session: Session, card_id: str, reviewer: str = "") -> Card:
    """Take a card out of service by decision. Raises LookupError."""
    card = _put(session, card_id, CardState.WITHDRAWN)
    card.reviewer = reviewer.strip() or card.reviewer
    return card


def return_to_draft(session: Session, card_id: str) -> Card:
    """Take a card out of service to be worked at. Raises LookupError."""
    return _put(session, card_id, CardState.DRAFT)


def get_card(session: Session, card_id: str) -> Card:
    """The card of this name, held until the transaction ends. Raises LookupError."""
    card = session.get(Card, card_id, with_for_update=True)
    if card is None:
        raise LookupError(f"没有编号为 {card_id} 的卡片")
    return card


def _content(card: Card | WrittenCard, citations: Sequence[CardCitation]) -> tuple[object, ...]:
    cites = [(each.law, each.promulgated, each.article, tuple(each.says), each.gist) for each in citations]
    return card.category, card.region, tuple(card.questions), card.answer, cites


def _put(session: Session, card_id: str, state: CardState) -> Card:
    card = get_card(session, card_id)
    card.state, card.reason, card.changed_at, card.kept = state, "", now(), True
    return card


def _version_today(session: Session, law: str, region: str, day: date) -> date:
    try:
        return version_read(session, law, region, day)
    except BrokenSource:
        raise BrokenSource(
            f"本机没有收录今天有效的《{law}》：请核对名称；确实没有收录的，写明所读文本的公布日期，例如《{law}》（2024-05-01公布）第一条"
        ) from None
