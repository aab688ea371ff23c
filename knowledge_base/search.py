"""The search of the service: one question in; the articles that may answer it, and whether to show them, out.

What is shown is read from the record at that moment, so a law that was repealed a minute ago is not shown because an
index still holds it. Safe to call from several threads; `reload` puts a new index in service without a pause.
"""

import threading
from dataclasses import replace
from datetime import date
from functools import cached_property, lru_cache
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from core import clock
from core.database import Database
from core.regions import NATION, get_region, lineage
from core.settings import Settings
from knowledge_base.candidates import Candidates, Query, gather
from knowledge_base.cards.answer import as_hit
from knowledge_base.cards.citations import Unfit, cited_articles
from knowledge_base.categories import Categories
from knowledge_base.clarify import readings
from knowledge_base.decide import LIKELY_CARD, LIKELY_LOCAL_CARD, Decider, Decision, Outcome
from knowledge_base.embedding import Embedding, model_digest
from knowledge_base.index import Index, IndexMissing, current_name, open_index
from knowledge_base.lexicon import Lexicon
from knowledge_base.models import Article, Card, Force, Law, Version, force_on
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.rank import answers_of_known, law_of_the_place
from knowledge_base.references import Reference, find_citations, find_references
from knowledge_base.rerank import rank_candidates
from knowledge_base.results import CardAnswer, Hit, SearchResult
from knowledge_base.text import normalise_question

__all__ = ["CardAnswer", "Decision", "Hit", "IndexMissing", "KnowledgeBase", "SearchResult"]

Floats = NDArray[np.float32]
MAX_QUESTION = 2000  # characters; what is longer is cut, as the service cuts it at the door
MAX_HITS = 100


class _State:
    """One opened index and what is worked out once for it."""

    def __init__(self, index: Index, database: Database) -> None:
        self.index = index
        self._database = database
        # One byte an article each: 16 MB for a million articles, and a few microseconds to a millisecond saved.
        self.applicable = lru_cache(maxsize=16)(index.applicable)

    @cached_property
    def categories(self) -> Categories:
        with self._database.read() as session:
            return Categories(self.index, {row.id: row.category for row in session.execute(_CATEGORIES)})


class KnowledgeBase:
    """The knowledge base, open for questions."""

    def __init__(self, settings: Settings, database: Database, index: Index, embedding: Embedding) -> None:
        self._settings = settings
        self._database = database
        self._embedding = embedding
        self._encoder = QuestionEncoder()
        self._lexicon = Lexicon(settings.home_dir / "lexicon.yml")
        self._decider = Decider.load()
        self._state = _State(index, database)
        self._reloading = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, database: Database) -> "KnowledgeBase":
        """Open the index in service. Raises IndexMissing, whose message tells the operator what to do."""
        index = open_index(settings.index_dir)
        _require_model(index, settings)
        knowledge_base = cls(settings, database, index, Embedding(settings.embedding_model))
        knowledge_base.search("劳动合同")  # the first search maps the files: better now than for a citizen
        return knowledge_base

    @property
    def index_name(self) -> str:
        """The content name of the index being searched."""
        return self._state.index.name

    @property
    def size(self) -> int:
        """How many articles, of all versions, are indexed."""
        return self._state.index.size

    def reload(self) -> bool:
        """Serve the index that CURRENT names, if it is another one. True if it was; searches under way are not disturbed.

        Raises IndexMissing; the index before stays in service.
        """
        with self._reloading:
            if current_name(self._settings.index_dir) == self._state.index.name:
                return False
            index = open_index(self._settings.index_dir)
            if index.name == self._state.index.name:  # the named one is damaged, and the one before it still serves
                return False
            if index.model != self._state.index.model:
                _require_model(index, self._settings)
                self._embedding = Embedding(self._settings.embedding_model)
            self._state = _State(index, self._database)
            return True

    def category(self, question: str) -> str:
        """What a question is about, in the categories of the cards: to sort by, not to rely on."""
        meaning = self._encoder.encode([normalise_question(question[:MAX_QUESTION])])[0]
        return self._state.categories.of(meaning)

    def encode(self, questions: list[str]) -> Floats:
        """Where questions lie by what they mean, unit vectors of shape (len(questions), dimension). 2 ms each."""
        return self._encoder.encode([normalise_question(each[:MAX_QUESTION]) for each in questions])

    def indexed_questions(self) -> tuple[list[str], Floats]:
        """The questions of the cards in the index: whose each is, and their vectors as `encode` gives them, row by row."""
        index = self._state.index
        counts = (index.card_questions[:, 1] - index.card_questions[:, 0]).tolist()
        owners = [card for card, count in zip(index.cards, counts, strict=True) for _ in range(count)]
        return owners, index.card_meaning

    @property
    def encoded(self) -> tuple[int, int]:
        """How many of the indexed articles can be found by meaning, and how many there are."""
        return int(self._state.index.encoded.sum()), self.size

    def search(
        self,
        question: str,
        *,
        region: str = NATION,
        as_of: date | None = None,
        limit: int = 10,
        legal_words: str | None = None,
    ) -> SearchResult:
        """The best `limit` articles in force in `region` (its own, its ancestors' and national law) on `as_of` (today).

        `legal_words`: those that the question is taken to mean, instead of what the lexicon says.
        Raises core.regions.UnknownRegion.
        """
        get_region(region)
        state, day = self._state, as_of or clock.today()
        question = normalise_question(question[:MAX_QUESTION])
        limit = max(1, min(limit, MAX_HITS))
        query = Query(
            question, self._embedding.encode_one(question), self._encoder.encode([question])[0],
            self._lexicon.legal_words(question) if legal_words is None else legal_words,
        )  # fmt: skip
        mask, spans = state.applicable(region, day)
        places = [int(code) for code in lineage(region)]
        candidates = gather(state.index, query, mask, spans, places)
        ranking = rank_candidates(question, candidates, state.index.lexical)
        order = law_of_the_place(ranking.order, candidates, ranking.scores)
        named = answers_of_known(question, candidates, state.index.known.texts)
        order = np.concatenate([named, order[~np.isin(order, named)]])
        references = _references(question, state.index)
        asked_for, missing = _rows_asked_for(state.index, references, region, day)
        outcome = self._decider.decide(
            question, query.meaning, candidates, ranking, order, references,
            statutes_only=state.index.statutes_only, known=len(named) > 0,
        )  # fmt: skip
        ranked = [(int(candidates.rows[i]), float(ranking.total[i])) for i in order[: limit + len(asked_for) + 5]]
        hits = self._hits(state.index, [(row, 2.0) for row in asked_for], ranked, region, day)
        outcome = _hold_to_the_law(outcome, hits, {state.index.article_id(row) for row in asked_for}, missing)
        card = None
        if not references:
            outcome, card, cited = self._try_card(state.index, outcome, candidates, day)
            known = {hit.article_id for hit in cited}
            hits = [*cited, *(hit for hit in hits if hit.article_id not in known)]
            if region != NATION:
                hits = self._with_local_card(state.index, hits, max(len(cited) if card else 0, 2), candidates, day)
        if card is None and outcome.decision is Decision.ANSWER:
            # What needs a word of warning is not shown as a plain answer.
            hits.sort(key=lambda hit: bool(hit.notice))
        choices: tuple[str, ...] = ()
        if outcome.decision is not Decision.ANSWER and not references:
            choices = readings(question, candidates, state.index.known.texts, outcome)
        if choices:
            outcome = replace(outcome, decision=Decision.CLARIFY, reason="两种理解")
        return SearchResult(
            hits[:limit], outcome.decision, outcome.confidence, card, outcome.reason, outcome.first, choices
        )

    def _try_card(
        self, index: Index, outcome: Outcome, candidates: Candidates, day: date
    ) -> tuple[Outcome, CardAnswer | None, list[Hit]]:
        """The outcome with the nearest card considered, the card if it answers, and the articles it rests on if it is near."""
        best, probability = self._decider.best_card(candidates.cards)
        if probability < LIKELY_CARD:
            return outcome, None, []
        with self._database.read() as session:
            card, hits = _cited_by(session, index.cards[best], day, probability)
            if card is None:
                return outcome, None, []
            if not self._decider.answers_with_card(outcome, probability):
                # What the ranking cannot find, or finds too low: law that is not held here, and the law of the place.
                beyond = [hit for hit in hits if not hit.held or hit.region != NATION]
                return outcome, None, beyond if outcome.decision is not Decision.ANSWER else []
            answer = CardAnswer(
                card.id,
                card.questions[0],
                card.answer,
                card.category,
                card.region,
                card.reviewer,
                card.reviewed_on,
                len(hits),
            )
        return Outcome(Decision.ANSWER, probability, "问答卡片"), answer, hits

    def _with_local_card(
        self, index: Index, hits: list[Hit], place: int, candidates: Candidates, day: date
    ) -> list[Hit]:
        """`hits` with what the nearest local card rests on at `place`, where it may be meant: shown, not answered with.

        A card that people wrote for such questions says better than the ranking which regulation of the place is meant.
        """
        best, probability = self._decider.best_card(candidates.cards.local())
        if probability < LIKELY_LOCAL_CARD:
            return hits
        with self._database.read() as session:
            _, cited = _cited_by(session, index.cards[best], day, probability)
        local = next((hit for hit in cited if hit.region != NATION), None)
        if local is None or any(hit.law_id == local.law_id for hit in hits[:3] if hit.region != NATION):
            return hits
        return [*hits[:place], local, *(hit for hit in hits[place:] if hit.article_id != local.article_id)]

    def _hits(
        self, index: Index, asked_for: list[tuple[int, float]], ranked: list[tuple[int, float]], region: str, day: date
    ) -> list[Hit]:
        first = {row for row, _ in asked_for}
        wanted = [(index.article_id(row), score) for row, score in asked_for]
        wanted += [(index.article_id(row), score) for row, score in ranked if row not in first]
        named = {key for key, _ in wanted[: len(asked_for)]}
        regions = set(lineage(region))
        # A connection, not a session: nothing is to be tracked, and a session doubles the time this takes.
        with self._database.engine.connect() as connection:
            rows = connection.execute(_ARTICLES, {"ids": [key for key, _ in wanted]}).all()
        found = {row.id: row for row in rows}
        hits = []
        for key, score in wanted:
            row = found.get(key)
            if row is None or row.region not in regions:
                continue
            force = force_on(day, row.effective_from, row.superseded_on, row.repealed_on)
            if force is Force.IN_FORCE:
                status = str(force)
            elif force is Force.NOT_YET and key in named:
                status = f"{row.effective_from}起施行"
            else:
                continue
            hits.append(Hit(
                article_id=key, law_id=row.law_id, version_id=row.version_id, law=row.name, article=row.number,
                path=row.path, text=row.text, score=round(score, 4), version=f"{row.promulgated.year}年版",
                status=status, effective_from=row.effective_from if row.effective_known else None, region=row.region, notice=row.notice,
            ))  # fmt: skip
        return hits


_CATEGORIES = select(Card.id, Card.category)
_ARTICLES = (
    select(
        Article.id, Article.number, Article.path, Article.text, Article.version_id,
        Version.promulgated, Version.effective_from, Version.effective_known, Version.superseded_on, Version.repealed_on, Version.notice,
        Version.law_id, Law.name, Law.region,
    )
    .join(Version, Article.version_id == Version.id)
    .join(Law, Version.law_id == Law.id)
    .where(Article.id.in_(bindparam("ids", expanding=True)))
)  # fmt: skip


def _cited_by(session: Session, card_id: str, day: date, probability: float) -> tuple[Card | None, list[Hit]]:
    """A card with the articles it rests on; None and none where it is gone or the law has moved on since the index was built."""
    card = session.get(Card, card_id)
    if card is None:
        return None, []
    try:
        return card, [as_hit(card, each, day, probability) for each in cited_articles(session, card, day)]
    except Unfit:
        return None, []


def _require_model(index: Index, settings: Settings) -> None:
    if index.model != model_digest(settings):
        raise IndexMissing("检索索引是用另一个句向量模型建立的。请重新建立索引。")


def _references(question: str, index: Index) -> list[Reference]:
    """The articles asked for by number, also under names that no law bears: what is named and not found is not guessed."""
    found = find_references(question, index.laws_by_name)
    if found or "条" not in question:
        return found
    return [Reference(each.law, each.number, each.clause) for each in find_citations(question, index.laws_by_name)]


def _rows_asked_for(index: Index, references: list[Reference], region: str, day: date) -> tuple[list[int], bool]:
    """Rows of the articles asked for by number, and whether one of them is not to be found in a law that is known.

    Of several versions the one in force on the day; where there is none yet, the next one to come.
    """
    regions, today = {int(code) for code in lineage(region)}, day.toordinal()
    rows: list[int] = []
    missing = False
    for reference in references:
        laws = index.laws_called(reference.law)
        found = [int(row) for law in laws for row in index.rows_of(law, reference.number.ordinal)]
        found = [row for row in found if int(index.region[row]) in regions and today < int(index.ended_on[row])]
        if found:
            rows.append(min(found, key=lambda row: int(index.effective_from[row])))
        else:
            missing = True
    return rows, missing


def _hold_to_the_law(outcome: Outcome, hits: list[Hit], asked_for: set[UUID], missing: bool) -> Outcome:
    """What the texts themselves forbid or settle, whatever the ranking thinks. Rules on the question come before."""
    if outcome.by_rule:
        return outcome
    shown = [hit for hit in hits if hit.article_id in asked_for]
    if missing or len(shown) < len(asked_for):
        return Outcome(Decision.CLARIFY, 0.0, "没有找到所问的条文")
    if not hits:
        return Outcome(Decision.ESCALATE, 0.0, "没有适用的法规")
    first = hits[0]
    if first.notice:
        return Outcome(Decision.ESCALATE, outcome.confidence, "所涉文本有须人工核对的说明")
    if first.status != Force.IN_FORCE:
        return Outcome(Decision.ESCALATE, outcome.confidence, "所问法规尚未施行")
    if shown and all(hit.status == Force.IN_FORCE and not hit.notice for hit in shown):
        return Outcome(Decision.ANSWER, 0.99, "按条号查到现行条文")
    return outcome
