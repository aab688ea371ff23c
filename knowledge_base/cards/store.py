"""Cards in the record, and whether the law still bears them out.

A card rests on articles as its reviewer read them. It stops answering when one of them was amended, repealed, or is not in
force on the day asked about; at every import it is then put on the list for review. Where the machine does not hold a law,
the card's own review stands for it, and what it shows is marked as such.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from core import clock
from core.clock import now
from core.database import Database
from core.regions import lineage
from knowledge_base.cards.files import CardDraft
from knowledge_base.importing.drafts import BrokenSource, ImportReport, LeftOut, Progress
from knowledge_base.models import Article, Card, CardCitation, CardState, Force, Law, Version
from knowledge_base.numerals import parse_article_number
from knowledge_base.questions import EverydayQuestion
from knowledge_base.text import normalise

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class CitedArticle:
    """What the record has of an article that a card cites. `article` is None where the machine does not hold that text."""

    citation: CardCitation
    law: Law | None
    version: Version | None
    article: Article | None


class Unfit(ValueError):
    """A card cannot answer; the message says why, in Chinese."""


def store_cards(
    database: Database, drafts: Sequence[CardDraft], report: ImportReport, progress: Progress, *, dry_run: bool = False
) -> None:
    """Write the cards in one transaction and note in `report` what became of them.

    A card whose content has not changed keeps the state that it has come to; one that has begins anew.
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
    """Withdraw the cards of these files that the files hold no longer."""
    gone = select(Card).where(
        Card.source.in_(set(sources)), Card.id.not_in(set(keep)), Card.state != CardState.WITHDRAWN
    )
    for card in session.scalars(gone):
        card.state, card.reason, card.changed_at = CardState.WITHDRAWN, "", now()


def _store(session: Session, draft: CardDraft) -> str:
    digest = draft.digest()
    card = session.get(Card, draft.id)
    if card is not None and card.digest == digest:
        return "unchanged"
    outcome = "taken" if card is None else "updated"
    citations = [
        CardCitation(
            position=position, law=each.law, article=each.article, says=list(each.says), gist=each.gist,
            promulgated=each.promulgated or _version_read(session, each.law, draft),
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


def _version_read(session: Session, law: str, draft: CardDraft) -> date:
    """The version that a reviewer who names none has read: the one in force on the day of the review."""
    for version in _versions(session, [law], draft.region).get(law, []):
        if version.force(draft.reviewed_on) is Force.IN_FORCE:
            return version.promulgated
    raise BrokenSource(f"本机没有收录审核时有效的《{law}》，请写明所读版本的公布日期（version）")


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
    day = day or clock.today()
    cards = session.scalars(select(Card).where(Card.state == CardState.PUBLISHED)).all()
    withdrawn = []
    for region, group in _by_region(cards).items():
        versions = _versions(session, {each.law for card in group for each in card.citations}, region)
        for card in group:
            try:
                _check(session, card, versions, day)
            except Unfit as error:
                card.state, card.reason, card.changed_at = CardState.WITHDRAWN, str(error), now()
                withdrawn.append((card.questions[0], str(error)))
    return withdrawn


def cited_articles(session: Session, card: Card, day: date) -> list[CitedArticle]:
    """What a published card rests on, as it is on `day`. Raises Unfit where the card cannot answer."""
    if card.state != CardState.PUBLISHED:
        raise Unfit("卡片没有发布")
    return _check(session, card, _versions(session, {each.law for each in card.citations}, card.region), day)


def _check(session: Session, card: Card, held: dict[str, list[Version]], day: date) -> list[CitedArticle]:
    texts = _Texts(session, card.citations, held, day)
    found = []
    for citation in card.citations:
        versions = held.get(citation.law, [])
        if not versions:
            if day < citation.promulgated:
                raise Unfit(f"《{citation.law}》在{day}还没有公布")
            found.append(CitedArticle(citation, None, None, None))
            continue
        current = _current(versions, day)
        if current is None:
            raise Unfit(f"《{citation.law}》{_why_not(versions, day)}")
        if current.promulgated < citation.promulgated:
            # The machine holds an older text than the reviewer read; on a day before that one, the card is too new.
            if day < citation.promulgated:
                raise Unfit(f"卡片依据的《{citation.law}》（{citation.promulgated}公布）当时还没有施行")
            found.append(CitedArticle(citation, current.law, None, None))
            continue
        article = texts.of(current, citation.article)
        if current.promulgated > citation.promulgated:
            read = _read(versions, citation)
            before = texts.of(read, citation.article) if read is not None else None
            if article is None or before is None or _plain(article.text) != _plain(before.text):
                raise Unfit(f"《{citation.law}》已于{current.promulgated}修改（卡片依据{citation.promulgated}的文本）")
        elif article is None:
            raise Unfit(f"《{citation.law}》没有{citation.article}")
        else:
            unsaid = [words for words in citation.says if _plain(words) not in _plain(article.text)]
            if unsaid:
                raise Unfit(f"《{citation.law}》{citation.article}里没有“{unsaid[0]}”")
        if current.notice:
            raise Unfit(f"《{citation.law}》须人工核对：{current.notice}")
        found.append(CitedArticle(citation, current.law, current, article))
    return found


def _versions(session: Session, laws: Iterable[str], region: str) -> dict[str, list[Version]]:
    """By law, its versions in the narrowest place of the region's lineage that has one, in their order."""
    places = lineage(region)
    rows = session.scalars(
        select(Law).where(Law.short_name.in_(set(laws)), Law.region.in_(places)).options(selectinload(Law.versions))
    ).all()
    found: dict[str, Law] = {}
    for law in sorted(rows, key=lambda law: -places.index(law.region)):
        found[law.short_name] = law
    return {name: list(law.versions) for name, law in found.items()}


class _Texts:
    """The cited articles as they are on a day and as the reviewer read them, all read at once."""

    def __init__(
        self, session: Session, citations: Sequence[CardCitation], held: dict[str, list[Version]], day: date
    ) -> None:
        versions: set[UUID] = set()
        ordinals: set[int] = set()
        numbers: set[str] = set()
        for citation in citations:
            for version in (_current(held.get(citation.law, []), day), _read(held.get(citation.law, []), citation)):
                if version is not None:
                    versions.add(version.id)
            key = _key(citation.article)
            if isinstance(key, int):
                ordinals.add(key)
            else:
                numbers.add(key)
        rows = session.scalars(
            select(Article).where(
                Article.version_id.in_(versions), or_(Article.ordinal.in_(ordinals), Article.number.in_(numbers))
            )
        )
        self._articles = {(row.version_id, row.ordinal or row.number): row for row in rows} if versions else {}

    def of(self, version: Version, number: str) -> Article | None:
        return self._articles.get((version.id, _key(number)))


def _key(number: str) -> int | str:
    """How an article is found: by what its number means, else as it is written (第一项, 全文)."""
    parsed = parse_article_number(number)
    return parsed.ordinal if parsed is not None else number


def _current(versions: Sequence[Version], day: date) -> Version | None:
    return next((version for version in reversed(versions) if version.force(day) is Force.IN_FORCE), None)


def _read(versions: Sequence[Version], citation: CardCitation) -> Version | None:
    return next((version for version in versions if version.promulgated == citation.promulgated), None)


def _why_not(versions: list[Version], day: date) -> str:
    ended = [version for version in versions if version.ended_on is not None and version.ended_on <= day]
    if ended:
        last = ended[-1]
        known = last.ended_on != last.effective_from
        return f"已废止（{last.ended_on}起）" if known else "已废止"
    return f"尚未施行（{versions[0].effective_from}起施行）"


def _by_region(cards: Iterable[Card]) -> dict[str, list[Card]]:
    groups: dict[str, list[Card]] = defaultdict(list)
    for card in cards:
        groups[card.region].append(card)
    return groups


def _plain(text: str) -> str:
    return _SPACES.sub("", normalise(text)).replace("(", "（").replace(")", "）").replace(",", "，").replace(";", "；")


def list_cards(session: Session, state: str = "review") -> list[Card]:
    """Cards of a state, by region and name; ``review``: those that the law took out of service."""
    query = select(Card).order_by(Card.region, Card.id)
    if state == "review":
        return list(session.scalars(query.where(Card.state == CardState.WITHDRAWN, Card.reason != "")))
    return list(session.scalars(query.where(Card.state == state)))


def publish_card(session: Session, card_id: str, reviewer: str) -> None:
    """Put a card in service again after `reviewer` held it against the law as it now is.

    Raises LookupError for an unknown card, Unfit where nobody signs or where a citation still does not hold.
    """
    card = _card(session, card_id)
    if not reviewer.strip():
        raise Unfit("发布卡片要写明由谁复核（--reviewer）")
    held = _versions(session, {each.law for each in card.citations}, card.region)
    day = clock.today()
    for citation in card.citations:  # the reviewer has read what is in force now
        current = _current(held.get(citation.law, []), day)
        if current is not None and current.promulgated > citation.promulgated:
            citation.promulgated = current.promulgated
    _check(session, card, held, day)
    card.state, card.reason, card.reviewer, card.reviewed_on, card.changed_at = (
        CardState.PUBLISHED, "", reviewer.strip(), day, now(),
    )  # fmt: skip


def withdraw_card(session: Session, card_id: str, reviewer: str = "") -> None:
    """Take a card out of service by decision. Raises LookupError."""
    card = _card(session, card_id)
    card.state, card.reason, card.changed_at = CardState.WITHDRAWN, "", now()
    card.reviewer = reviewer.strip() or card.reviewer


def _card(session: Session, card_id: str) -> Card:
    card = session.get(Card, card_id)
    if card is None:
        raise LookupError(f"没有编号为 {card_id} 的卡片")
    return card
