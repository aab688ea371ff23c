"""A card as it is being written: whether the law bears it out, how a citizen would see it, which cards ask the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from bot.actions import wording
from core import clock
from escalation.replies import Reply
from knowledge_base.cards.answer import as_hit
from knowledge_base.cards.citations import InspectedCitation, inspect_citations, read_anew, versions_of
from knowledge_base.cards.editing import WrittenCard, cited
from knowledge_base.cards.similar import Similar, similar_cards
from knowledge_base.decide import Decision
from knowledge_base.importing.drafts import BrokenSource
from knowledge_base.models import Card, CardCitation
from knowledge_base.results import CardAnswer, SearchResult
from knowledge_base.search import KnowledgeBase


@dataclass(frozen=True, slots=True)
class LineChecked:
    """One line of the citations. `inspected` is None where it could not even be looked up, `fault` says why."""

    number: int
    inspected: InspectedCitation | None
    fault: str
    url: str
    """The article's page; empty where its text is not held."""
    amended_since: date | None = None
    """The version that was named, where a newer one is in force and has been held against instead."""

    @property
    def good(self) -> bool:
        return not self.fault and self.inspected is not None and self.inspected.cited.article is not None


@dataclass(frozen=True, slots=True)
class Examined:
    lines: list[LineChecked]
    reply: Reply | None
    """What a citizen would be answered; None while there is no answer to show."""
    similar: list[Similar]

    @property
    def wrong(self) -> int:
        return sum(bool(each.fault) for each in self.lines)


def examine(session: Session, knowledge_base: KnowledgeBase | None, card_id: str, written: WrittenCard) -> Examined:
    """The card as it would be. Raises core.regions.UnknownRegion."""
    day = clock.today()
    lines: list[LineChecked] = []
    citations: list[CardCitation] = []
    for number, draft in enumerate(written.citations, start=1):
        try:
            [citation] = cited(session, (draft,), written.region)
        except BrokenSource as error:
            lines.append(LineChecked(number, None, str(error), ""))
            continue
        named = citation.promulgated
        read_anew([citation], versions_of(session, [citation.law], written.region), day)  # as publishing does
        [inspected] = inspect_citations(session, [citation], written.region, day)
        citations.append(citation)
        found = inspected.cited
        url = wording.article_url(found.law.id, found.article.number) if found.law and found.article else ""
        lines.append(
            LineChecked(number, inspected, inspected.unfit, url, named if named < citation.promulgated else None)
        )
    kept = [each.inspected for each in lines if each.inspected is not None]
    reply = _reply(written, kept) if written.answer else None
    similar = (
        similar_cards(session, knowledge_base, written.questions, written.region, but=card_id)
        if knowledge_base is not None
        else []
    )
    return Examined(lines, reply, similar)


def _reply(written: WrittenCard, citations: Sequence[InspectedCitation]) -> Reply:
    """As `wording.answer` says it, from a card that is in no record."""
    day = clock.today()
    title = written.questions[0] if written.questions else ""
    card = Card(
        id="", category=written.category, region=written.region, questions=list(written.questions), answer=written.answer,
        reviewer="", reviewed_on=day, texts_of=day,
    )  # fmt: skip
    hits = [as_hit(card, each.cited, day, 1.0) for each in citations]
    answer = CardAnswer("", title, written.answer, written.category, written.region, "", day, len(hits))
    return wording.answer(SearchResult(hits, Decision.ANSWER, 1.0, answer), "")
