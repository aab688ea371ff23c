"""Candidates: the articles that any of the systems finds for a question, with what each system says of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.regions import NATION
from knowledge_base.cards.matching import CardMatches, match_cards
from knowledge_base.index import Index
from knowledge_base.lexical import Spans, best
from knowledge_base.references import named_laws

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

BY_MEANING, BY_WORDS, BY_ASKED, BY_LEXICON = 100, 60, 60, 30
"""How many candidates each system brings: question encoder, BM25, BM25 with the known questions, BM25 with the lexicon's words.
The static embedding brings none: what it alone finds is not worth its 1.6 ms."""
_NATION = int(NATION)


@dataclass(frozen=True)
class Query:
    """A question as the systems want it."""

    text: str
    words: Floats
    """Its unit vector of the static embedding."""
    meaning: Floats
    """Its unit vector of the question encoder."""
    legal: str = ""
    """What the lexicon has for its everyday words."""


@dataclass(frozen=True)
class Candidates:
    """One row per candidate, all columns of shape (n,)."""

    rows: Integers
    """Rows of the index."""
    laws: Integers
    """The law of each, as a position in `Index.laws`."""
    lexical: Floats
    """BM25, ≥ 0."""
    lexicon: Floats
    """BM25 of the lexicon's words; NaN where it has none for the question."""
    dense: Floats
    """Cosine of the static embedding, -1…1."""
    meaning: Floats
    """Cosine of the question encoder with the article's vector; NaN where the article has none."""
    around: Floats
    """The better of the cosines of the articles before and after in the law; NaN where neither has a vector."""
    asked: Floats
    """BM25 of the article and the known questions that it answers; NaN where none is known."""
    near: Floats
    """Cosine of the nearest known question that points to the article; 0 where none of the near ones does."""
    near_share: Floats
    """The article's share of what the near questions point to."""
    near_words: Floats
    """How near such a question is by words, 0…1."""
    near_first: Floats
    """1 where the nearest of them names the article first."""
    near_question: Integers
    """Which question that is, of those that ship as text (a position in `KnownQuestions.texts`); -1 where there is none."""
    count: Floats
    """How many known questions point to the article."""
    learned: Floats
    """How many of them are learned ones: what citizens have really asked, while others were written to cover the law."""
    law_learned: Floats
    """How often learned questions point to an article of its law."""
    law_learned_share: Floats
    """The same for each article of the law."""
    named: Floats
    """1 where the question names the article's law."""
    local: Floats
    """1 where the article is of a place and not of the nation."""
    length: Floats
    """Characters of the article."""
    known: float
    """The share of the question's tokens that some article holds."""
    nearest: int
    """The nearest known question (its position in `KnownQuestions.texts`), -1 where there is none."""
    nearest_similarity: float
    """Its cosine."""
    cards: CardMatches
    """The cards of the region that come nearest."""


def gather(
    index: Index,
    query: Query,
    mask: NDArray[np.bool_],
    spans: Spans,
    places: Sequence[int] = (int(NATION),),
) -> Candidates:
    """What each system finds among the rows that apply (`Index.applicable` gives `mask` and `spans`).

    `places`: the codes of the region asked from and of all it lies in, the narrowest first.
    """
    scores, known = index.lexical.scores(query.text, spans)
    legal = index.lexical.scores(query.legal, spans)[0] if query.legal else None
    for each in [scores] if legal is None else [scores, legal]:
        for start, stop in spans:
            each[start:stop] *= mask[start:stop]
    by_meaning, _ = index.meaning.search(query.meaning, BY_MEANING, mask, spans)
    near = index.known.near(query.text, query.meaning, places, mask)
    asked_rows = index.known.asked_rows
    asked = index.known.asked_scores(query.text) * mask[asked_rows]
    found = [
        best(scores, BY_WORDS, spans), by_meaning, near.rows, asked_rows[best(asked, BY_ASKED, ((0, len(asked)),))]
    ]  # fmt: skip
    if legal is not None:
        found.append(best(scores + legal, BY_LEXICON, spans))
    rows = np.unique(np.concatenate(found)).astype(np.int64)
    laws = index.law[rows]
    meaning = _cosines(index, query.meaning, rows)
    of_near = _Aligned(near.rows, rows)
    of_asked = _Aligned(asked_rows, rows)
    learned_rows, learned = index.known.learned_rows, index.known.learned_count
    of_law = np.bincount(index.law[learned_rows], weights=learned, minlength=len(index.laws)).astype(np.float32)[laws]
    return Candidates(
        rows=rows,
        laws=laws,
        lexical=scores[rows],
        lexicon=np.full(len(rows), np.nan, np.float32) if legal is None else legal[rows],
        dense=index.dense.cosines(query.words, rows),
        meaning=meaning,
        around=_around(index, query.meaning, rows, laws),
        asked=of_asked(asked, np.nan),
        near=of_near(near.cosine),
        near_share=of_near(near.share),
        near_words=of_near(near.words),
        near_first=of_near(near.first),
        near_question=of_near(near.question.astype(np.float32), -1).astype(np.int64),
        count=of_asked(index.known.asked_count.astype(np.float32)),
        learned=_Aligned(learned_rows, rows)(learned),
        law_learned=of_law,
        law_learned_share=of_law / index.law_sizes[laws],
        named=_named(index, query.text, laws),
        local=(index.region[rows] != _NATION).astype(np.float32),
        length=index.length[rows].astype(np.float32),
        known=known,
        nearest=near.nearest,
        nearest_similarity=near.similarity,
        cards=match_cards(index, query.text, query.words, query.meaning, places),
    )


class _Aligned:
    """Brings what is known of some rows to the candidates' rows."""

    def __init__(self, some: Integers, rows: Integers) -> None:
        order = np.argsort(some, kind="stable")
        places = np.searchsorted(some, rows, sorter=order)
        inside = np.minimum(places, max(len(some) - 1, 0))
        self._places = order[inside] if len(some) else np.zeros(len(rows), np.int64)
        self._there = (some[self._places] == rows) if len(some) else np.zeros(len(rows), np.bool_)

    def __call__(self, values: Floats, default: float = 0.0) -> Floats:
        result = np.full(len(self._there), default, dtype=np.float32)
        result[self._there] = values[self._places[self._there]]
        return result


def _cosines(index: Index, meaning: Floats, rows: Integers) -> Floats:
    cosine = index.meaning.cosines(meaning, rows)
    return np.where(index.encoded[rows], cosine, np.float32(np.nan))


def _around(index: Index, meaning: Floats, rows: Integers, laws: NDArray[np.int32]) -> Floats:
    found = []
    for step in (-1, 1):
        beside = np.clip(rows + step, 0, index.size - 1)
        cosine = _cosines(index, meaning, beside)
        found.append(np.where((index.law[beside] == laws) & (beside != rows), cosine, np.float32(np.nan)))
    return np.fmax(*found)


def _named(index: Index, question: str, laws: NDArray[np.int32]) -> Floats:
    named = [
        position
        for each in named_laws(question, index.laws_by_name)
        for position in index.laws_by_name.get(each.law, [])
    ]
    return np.isin(laws, named).astype(np.float32)
