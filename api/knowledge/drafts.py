"""Cards from what lawyers have answered: one tap makes a draft, a second one finds it."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.knowledge import cards
from api.knowledge.asked import GivenAnswer, given_answer, questions_by_id
from bot.actions.wording import lawyer_title
from core import clock
from core.regions import NATION, lineage
from escalation.errors import NotFound
from knowledge_base.cards.citations import current_version, versions_of
from knowledge_base.cards.editing import MAX_QUESTION_CHARS, MAX_QUESTIONS, WrittenCard
from knowledge_base.cards.files import CATEGORIES, MAX_ANSWER, CitationDraft
from knowledge_base.cards.lines import read_lines
from knowledge_base.models import Card

_OTHER = "其他"


PREFIX = "jieda-"


def card_of(answer_id: UUID) -> str:
    """The name of the card that is made of this answer: so there is one at the most."""
    return f"{PREFIX}{answer_id.hex}"


def answer_of(card_id: str) -> UUID | None:
    """The answer that a card of this name was made of; None for others."""
    try:
        return UUID(card_id.removeprefix(PREFIX)) if card_id.startswith(PREFIX) else None
    except ValueError:
        return None


def cards_made(session: Session, answer_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of these answers, the cards that have been made."""
    names = {card_of(each): each for each in answer_ids}
    found = session.scalars(select(Card.id).where(Card.id.in_(names)))
    return {names[each]: each for each in found}


def draft_from_answer(session: Session, answer_id: UUID, actor: str, others: Sequence[UUID] = ()) -> str:
    """The name of the card made of a lawyer's answer: a draft with the question (and `others` that mean the same), the answer
    and its citations, all masked. Where there is one already, whatever has become of it, that.

    Raises NotFound.
    """
    answer = given_answer(session, answer_id)
    if answer is None:
        raise NotFound("没有这条解答，或它不能做成卡片。")
    name = card_of(answer_id)
    if session.get(Card, name) is None:
        source = f"咨询 {answer.consultation}，{lawyer_title(answer.lawyer)}解答"
        cards.save(session, name, _written(session, answer, others), actor, source=source)
    return name


def as_questions(texts: Sequence[str]) -> tuple[str, ...]:
    """What citizens wrote as a card's questions: one line each, no longer than a question may be."""
    lines = (" ".join(text.split()) for text in texts)
    return tuple(dict.fromkeys(line[:MAX_QUESTION_CHARS] for line in lines if line))[:MAX_QUESTIONS]


def _written(session: Session, answer: GivenAnswer, others: Sequence[UUID]) -> WrittenCard:
    citations, region = _kept(session, answer)
    return WrittenCard(
        category=answer.category if answer.category in CATEGORIES else _OTHER,
        region=region,
        questions=as_questions([answer.question, *questions_by_id(session, others)]),
        answer=_cut(answer.text),
        citations=citations,
    )


def _kept(session: Session, answer: GivenAnswer) -> tuple[tuple[CitationDraft, ...], str]:
    """The citations of law that is held, each with the version read; and the place where all of them apply."""
    found, region = [], NATION
    for line in answer.citations:
        [draft] = read_lines(line)
        versions = versions_of(session, [draft.law], answer.region).get(draft.law)
        if not versions:
            continue
        read = draft.promulgated or (current_version(versions, clock.today()) or versions[-1]).promulgated
        found.append(replace(draft, promulgated=read))
        region = max(region, versions[0].law.region, key=lambda code: len(lineage(code)))
    return tuple(found), region


def _cut(text: str) -> str:
    """What of an answer a card can hold: whole sentences. The rest stands beside the form."""
    if len(text) <= MAX_ANSWER:
        return text
    kept = text[:MAX_ANSWER]
    return kept[: kept.rfind("。") + 1] or kept
