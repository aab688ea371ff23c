"""BM25 (bm25s): scores of all documents for a question, from an index that is opened by mmap."""

from collections.abc import Callable, Iterable
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from knowledge_base.text import query_tokens, tokens

Floats = NDArray[np.float32]


class LexicalIndex:
    """BM25 with Lucene's idf over words and character bigrams (Robertson and Zaragoza 2009)."""

    def __init__(self, engine: bm25s.BM25, size: int) -> None:
        self._engine = engine
        self.size = size

    @classmethod
    def build(
        cls, texts: Iterable[str], progress: Callable[[int], None] = lambda _: None, *, k1: float = 1.2, b: float = 0.75
    ) -> "LexicalIndex":
        """Index `texts` in their order; `progress` hears how many have been read."""
        vocabulary: dict[str, int] = {}
        rows: list[list[int]] = []
        for done, text in enumerate(texts):
            rows.append([vocabulary.setdefault(token, len(vocabulary)) for token in tokens(text)])
            if done % 500 == 0:
                progress(done)
        size = len(rows)
        if not vocabulary:  # the engine wants one document with one token
            rows, vocabulary = [[0]], {"\0": 0}
        engine = bm25s.BM25(k1=k1, b=b)
        engine.index((rows, vocabulary), show_progress=False)
        return cls(engine, size)

    def save(self, folder: Path) -> None:
        self._engine.save(str(folder), show_progress=False)

    @classmethod
    def open(cls, folder: Path, size: int) -> "LexicalIndex":
        engine = bm25s.BM25.load(str(folder), mmap=True, show_progress=False)
        # The same mapped memory without numpy's memmap class, whose every slice costs several microseconds.
        engine.scores = {
            name: np.asarray(value) if isinstance(value, np.memmap) else value for name, value in engine.scores.items()
        }
        return cls(engine, size)

    def scores(self, question: str) -> tuple[Floats, float]:
        """Scores of all documents, shape (size,), and the share of the question's tokens that any document knows."""
        asked = query_tokens(question)
        known = [token for token in asked if token in self._engine.vocab_dict]
        if not known or not self.size:
            return np.zeros(self.size, dtype=np.float32), 0.0
        scores: Floats = np.asarray(self._engine.get_scores(known), dtype=np.float32)
        return scores[: self.size], len(known) / len(asked)
