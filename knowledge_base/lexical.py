"""BM25: scores of texts for a question, from postings that are opened by mmap (`knowledge_base.postings` makes them)."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge_base.postings import hash_token, mapped, ragged
from knowledge_base.text import query_tokens

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Spans = tuple[tuple[int, int], ...]
"""Ranges (start, stop) of rows, ascending."""


class LexicalIndex:
    """BM25 with Lucene's idf over words and character bigrams (Robertson and Zaragoza 2009)."""

    def __init__(self, folder: Path) -> None:
        self._vocabulary = mapped(folder / "vocabulary.npy")
        self._starts = mapped(folder / "posting_starts.npy")
        self._rows = mapped(folder / "posting_rows.npy")
        self._scores = mapped(folder / "posting_scores.npy")
        self._text_starts = mapped(folder / "starts.npy")
        self._text_tokens = mapped(folder / "tokens.npy")
        self.size = len(mapped(folder / "sizes.npy"))

    def scores(self, question: str, spans: Spans | None = None) -> tuple[Floats, float]:
        """Scores of all texts, shape (size,), 0 outside of `spans`; and the share of the question's tokens that any text
        has. Costs as much as there are texts within `spans` that hold one of them.
        """
        scores = np.zeros(self.size, dtype=np.float32)
        hashes = _hashes(question)
        places = np.searchsorted(self._vocabulary, hashes)
        known = [
            int(place)
            for place, value in zip(places, hashes, strict=True)
            if place < len(self._vocabulary) and self._vocabulary[place] == value
        ]
        whole = spans is None or spans == ((0, self.size),)
        bounds = np.array(spans if spans is not None else (), dtype=np.int32).ravel()
        for token in known:
            start, stop = int(self._starts[token]), int(self._starts[token + 1])
            cuts = [start, stop] if whole else (start + np.searchsorted(self._rows[start:stop], bounds)).tolist()
            for low, high in zip(cuts[::2], cuts[1::2], strict=True):
                if low < high:
                    np.add.at(scores, self._rows[low:high], self._scores[low:high])
        return scores, len(known) / len(hashes) if len(hashes) else 0.0

    def ceiling(self, question: str) -> float:
        """What a text would score that had each of the question's tokens about once: makes scores comparable."""
        hashes = _hashes(question)
        places = np.minimum(np.searchsorted(self._vocabulary, hashes), len(self._vocabulary) - 1)
        return float(self._idf(places, self._vocabulary[places] == hashes).sum())

    def overlap(self, question: str, rows: Integers) -> Floats:
        """Which share of the question's tokens each of these texts has, and which of the text's the question has, the rarer
        ones counting more; shape (len(rows), 2), 0…1.
        """
        hashes = np.unique(_hashes(question))
        places = np.minimum(np.searchsorted(self._vocabulary, hashes), len(self._vocabulary) - 1)
        known = self._vocabulary[places] == hashes
        weights, asked = self._idf(places, known), places[known]
        starts, stops = self._text_starts[rows], self._text_starts[rows + 1]
        tokens = self._text_tokens[ragged(starts, stops - starts)]
        text = np.repeat(np.arange(len(rows)), stops - starts)
        shared, each = np.isin(tokens, asked), self._idf(tokens)
        common = np.bincount(text[shared], weights=each[shared], minlength=len(rows))
        whole = np.bincount(text, weights=each, minlength=len(rows))
        shares = common / max(weights.sum(), 1e-6), common / np.maximum(whole, 1e-6)
        return np.stack(shares, axis=1).astype(np.float32)

    def _idf(self, tokens: NDArray[np.integer], known: NDArray[np.bool_] | bool = True) -> NDArray[np.float64]:
        """Lucene's, of tokens at these positions in the vocabulary; those that are not known are in no text."""
        counts = np.where(known, self._starts[tokens + 1] - self._starts[tokens], 0)
        weights: NDArray[np.float64] = np.log1p((self.size - counts + 0.5) / (counts + 0.5))
        return weights


@lru_cache(maxsize=64)
def _hashes(question: str) -> NDArray[np.uint64]:
    """Of the question's tokens: one question is looked up in several indexes."""
    return np.array([hash_token(token) for token in query_tokens(question)], dtype=np.uint64)


def best(scores: Floats, count: int, spans: Spans) -> Integers:
    """Rows within `spans` of the `count` highest scores above 0, in no order; fewer where fewer are."""
    found = np.concatenate(
        [_best(scores[start:stop], count) + start for start, stop in spans] or [np.zeros(0, np.int64)]
    )
    return found if len(found) <= count else found[np.argpartition(-scores[found], count - 1)[:count]]


def _best(scores: Floats, count: int) -> Integers:
    """As `best`, over all of `scores`.

    Sorting out a million takes 8 ms. A sample says above what the best must lie, and one look at all finds those.
    """
    step, floor = len(scores) // (64 * count), np.float32(0)
    if step > 1:
        sample = scores[::step]
        place = 2 * count // step + 8  # at least twice as many as are wanted should lie above it
        floor = sample[np.argpartition(-sample, place)[place]]
    found = np.flatnonzero(scores > floor)
    if len(found) < count and floor > 0:
        found = np.flatnonzero(scores > 0)
    if len(found) > count:
        found = found[np.argpartition(-scores[found], count - 1)[:count]]
    return found
