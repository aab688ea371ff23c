"""Cards in the record: taken from files, withdrawn where the law no longer bears them out, given to the index.

What people have made or changed here (`Card.kept`) is theirs: a file that says otherwise is reported, not followed.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import clock
from core.clock import now
from core.database import Database
from knowledge_base.cards.citations import unfit_among, version_read
from knowledge_base.cards.files import CardDraft
from knowledge_base.importing.drafts import BrokenSource, ImportReport, LeftOut, Progress
from knowledge_base.models import Card, CardCitation, CardState
from knowledge_base.questions import EverydayQuestion


def store_cards(
    database: Database, drafts: Sequence[CardDraft], report: ImportReport, progress: Progress, *, dry_run: bool = False
) -> None:
    """Write the cards in one transaction and note in `report` what became of them.

    A card whose content has not changed keeps the state that it has come to; one that has begins anew, unless people here
    have made it their own: then what the file says is left out, and the report says so.
    """
    report.dry_run = dry_run
    with database.write() as session:
        for done, draft in enumerate(drafts):
            progress("导入卡片", done, len(drafts))
            try:
                outcome = _store(session, draft)
            except BrokenSource as error:
                report.left_out.append(LeftOut(draft.id, str(error), draft.where))
                continue
            setattr(report, outcome, getattr(report, outcome) + 1)
        if dry_run:
            session.rollback()
    progress("导入卡片", len(drafts), len(drafts))


def retire_cards(session: Session, sources: Iterable[str], keep: Iterable[str]) -> None:
    """Withdraw the cards of these files that the files hold no longer; those that people here have made their own stay."""
    gone = select(Card).where(
        Card.source.in_(set(sources)), Card.id.not_in(set(keep)), Card.state != CardState.WITHDRAWN, ~Card.kept
    )
    for card in session.scalars(gone):
        card.state, card.reason, card.changed_at = CardState.WITHDRAWN, "", now()


def _store(session: Session, draft: CardDraft) -> str:
    digest = draft.digest()
    card = session.get(Card, draft.id)
    if card is not None and card.digest == digest:
        return "unchanged"
    if card is not None and card.kept:
        raise BrokenSource("这张卡片由本机的人编写、改过或审核过，保留本机的；文件里的新内容没有采用")
    outcome = "taken" if card is None else "updated"
    citations = [
        CardCitation(
            position=position, law=each.law, article=each.article, says=list(each.says), gist=each.gist,
            promulgated=each.promulgated or version_read(session, each.law, draft.region, draft.reviewed_on),
        )
        for position, each in enumerate(draft.citations)
    ]  # fmt: skip
    card = card or Card(id=draft.id)
    card.category, card.region, card.questions, card.answer = (
        draft.category,
        draft.region,
        list(draft.questions),
        draft.answer,
    )
    card.reviewer, card.reviewed_on, card.texts_of = draft.reviewer, draft.reviewed_on, draft.texts_of
    card.state, card.reason, card.source, card.digest, card.changed_at = draft.state, "", draft.source, digest, now()
    card.citations.clear()
    session.add(card)
    session.flush()
    card.citations.extend(citations)
    session.flush()
    return outcome


def card_questions(session: Session) -> list[EverydayQuestion]:
    """The questions of all published cards, in a fixed order: they are everyday questions that have an answer of their own."""
    cards = session.scalars(select(Card).where(Card.state == CardState.PUBLISHED).order_by(Card.id)).all()
    return [
        EverydayQuestion(
            question,
            tuple((each.law, each.article) for each in card.citations[:1]),  # the others bear out a part of the answer
            tuple((each.law, each.promulgated) for each in card.citations[:1]),
            card.id,
            card.region,
        )
        for card in cards
        for question in card.questions
    ]


def card_documents(session: Session) -> dict[str, str]:
    """By published card, all its words: what a question is held against."""
    cards = session.scalars(select(Card).where(Card.state == CardState.PUBLISHED)).all()
    return {
        card.id: "\n".join([*card.questions, card.answer, *(each.gist for each in card.citations)]) for card in cards
    }


def review_cards(session: Session, day: date | None = None) -> list[tuple[str, str]]:
    """Withdraw every published card that the law in force on `day` (today) no longer bears out; (title, reason) of each."""
    withdrawn = []
    for card, reason in unfit_cards(session, day or clock.today()):
        card.state, card.reason, card.changed_at = CardState.WITHDRAWN, reason, now()
        withdrawn.append((card.questions[0], reason))
    return withdrawn


def unfit_cards(session: Session, day: date) -> list[tuple[Card, str]]:
    """The published cards that the law as it will be, or was, on `day` does not bear out, and why."""
    return unfit_among(session, session.scalars(select(Card).where(Card.state == CardState.PUBLISHED)), day)
