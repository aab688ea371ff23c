"""Whether the law bears a card out: each of its citations held against the versions in force on a day.

A card rests on articles as its reviewer read them. It cannot answer when one of them was amended, repealed, or is not in
force on the day asked about. Where the machine does not hold a law, the card's own review stands for it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from core.regions import lineage
from knowledge_base.importing.drafts import BrokenSource
from knowledge_base.models import Article, Card, CardCitation, CardState, Force, Law, Version
from knowledge_base.numerals import parse_article_number
from knowledge_base.text import normalise

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class CitedArticle:
    """What the record has of an article that a card cites. `article` is None where the machine does not hold that text."""

    citation: CardCitation
    law: Law | None
    version: Version | None
    article: Article | None


@dataclass(frozen=True, slots=True)
class InspectedCitation:
    """A citation as it is being written: what the record has of it, why it does not hold, words that the article lacks."""

    cited: CitedArticle
    unfit: str
    """Empty where it holds."""
    unsaid: tuple[str, ...]


class Unfit(ValueError):
    """A card cannot answer; the message says why, in Chinese."""


def cited_articles(session: Session, card: Card, day: date) -> list[CitedArticle]:
    """What a published card rests on, as it is on `day`. Raises Unfit where the card cannot answer."""
    if card.state != CardState.PUBLISHED:
        raise Unfit("卡片没有发布")
    return check_card(session, card, versions_of(session, {each.law for each in card.citations}, card.region), day)


def check_card(session: Session, card: Card, held: dict[str, list[Version]], day: date) -> list[CitedArticle]:
    """The same whatever the card's state. `held`: by law, its versions (`versions_of`)."""
    texts = _Texts(session, card.citations, held, day)
    return [_check(citation, held.get(citation.law, []), texts, day) for citation in card.citations]


def read_anew(citations: Iterable[CardCitation], held: dict[str, list[Version]], day: date) -> None:
    """Let the citations name the versions in force on `day`: whoever reviews them then has read these."""
    for citation in citations:
        current = current_version(held.get(citation.law, []), day)
        if current is not None and current.promulgated > citation.promulgated:
            citation.promulgated = current.promulgated


def unfit_among(session: Session, cards: Iterable[Card], day: date) -> list[tuple[Card, str]]:
    """Those of these cards that the law as it is on `day` does not bear out, and why. A few statements for each place."""
    by_region: dict[str, list[Card]] = defaultdict(list)
    for card in cards:
        by_region[card.region].append(card)
    found = []
    for region, group in by_region.items():
        citations = [citation for card in group for citation in card.citations]
        held = versions_of(session, {each.law for each in citations}, region)
        texts = _Texts(session, citations, held, day)
        for card in group:
            try:
                for citation in card.citations:
                    _check(citation, held.get(citation.law, []), texts, day)
            except Unfit as error:
                found.append((card, str(error)))
    return found


def inspect_citations(
    session: Session, citations: Sequence[CardCitation], region: str, day: date
) -> list[InspectedCitation]:
    """Each of the citations that somebody in `region` writes, as it is on `day`, with what is wrong with it."""
    held = versions_of(session, {each.law for each in citations}, region)
    texts = _Texts(session, citations, held, day)
    found = []
    for citation in citations:
        versions = held.get(citation.law, [])
        current = current_version(versions, day)
        article = texts.of(current, citation.article) if current is not None else None
        law = versions[0].law if versions else None
        unsaid = [words for words in citation.says if article and _plain(words) not in _plain(article.text)]
        try:
            cited, unfit = _check(citation, versions, texts, day), ""
        except Unfit as error:
            cited, unfit = CitedArticle(citation, law, current, article), str(error)
        found.append(InspectedCitation(cited, unfit, tuple(unsaid)))
    return found


def _check(citation: CardCitation, versions: list[Version], texts: "_Texts", day: date) -> CitedArticle:
    """One citation as it is on `day`. Raises Unfit."""
    if not versions:
        if day < citation.promulgated:
            raise Unfit(f"《{citation.law}》在{day}还没有公布")
        return CitedArticle(citation, None, None, None)
    current = current_version(versions, day)
    if current is None:
        raise Unfit(f"《{citation.law}》{_why_not(versions, day)}")
    if current.promulgated < citation.promulgated:
        # The machine holds an older text than the reviewer read; on a day before that one, the card is too new.
        if day < citation.promulgated:
            raise Unfit(f"卡片依据的《{citation.law}》（{citation.promulgated}公布）当时还没有施行")
        return CitedArticle(citation, current.law, None, None)
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
    return CitedArticle(citation, current.law, current, article)


def versions_of(session: Session, laws: Iterable[str], region: str) -> dict[str, list[Version]]:
    """By law, its versions in the narrowest place of the region's lineage that has one, in their order."""
    places = lineage(region)
    rows = session.scalars(
        select(Law).where(Law.short_name.in_(set(laws)), Law.region.in_(places)).options(selectinload(Law.versions))
    ).all()
    found: dict[str, Law] = {}
    for law in sorted(rows, key=lambda law: -places.index(law.region)):
        found[law.short_name] = law
    return {name: list(law.versions) for name, law in found.items()}


def version_read(session: Session, law: str, region: str, day: date) -> date:
    """The version that a reviewer who names none has read: the one in force on the day of the review. Raises BrokenSource."""
    current = current_version(versions_of(session, [law], region).get(law, []), day)
    if current is None:
        raise BrokenSource(f"本机没有收录审核时有效的《{law}》，请写明所读版本的公布日期（version）")
    return current.promulgated


class _Texts:
    """The cited articles as they are on a day and as the reviewer read them, all read at once."""

    def __init__(
        self, session: Session, citations: Sequence[CardCitation], held: dict[str, list[Version]], day: date
    ) -> None:
        versions: set[UUID] = set()
        ordinals: set[int] = set()
        numbers: set[str] = set()
        for citation in citations:
            for version in (
                current_version(held.get(citation.law, []), day),
                _read(held.get(citation.law, []), citation),
            ):
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


def current_version(versions: Sequence[Version], day: date) -> Version | None:
    """The one of a law's versions that is in force on `day`."""
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


def _plain(text: str) -> str:
    return _SPACES.sub("", normalise(text)).replace("(", "（").replace(")", "）").replace(",", "，").replace(";", "；")
