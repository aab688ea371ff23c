"""Known questions: what has been asked before, or might be, with the articles that answer it, as a part of the index.

They are found by their words and by their meaning; and the articles they point to are found by the questions' words as
by their own. Everyday questions, those of the cards and those learned from training data are alike here.
"""

import itertools
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge_base.corpus import Before, write_corpus
from knowledge_base.dense import DenseIndex
from knowledge_base.embedding import Embedding
from knowledge_base.lexical import LexicalIndex, best
from knowledge_base.postings import mapped
from knowledge_base.questions import HASHED, EverydayQuestion, question_tokens

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

NEAREST = 48
"""How many are looked at by meaning."""
NEAREST_BY_WORDS = 24
_SHARPNESS = 0.05  # how fast a farther question counts for less, in cosine


class Near(NamedTuple):
    """What the known questions nearest to a question say. Of the articles pointed to, one entry each, shape (n,)."""

    rows: Integers
    cosine: Floats
    """Of the nearest question that points to the article."""
    share: Floats
    """The article's share of what all near questions point to, the nearer ones counting more; they sum up to 1."""
    words: Floats
    """How near the nearest one is by words: BM25 over that of a question with all these words, 0…1."""
    first: Floats
    """1 where the nearest question that points there names this article first."""
    question: Integers
    """The nearest question that points there and ships as text, as a position in `texts`; -1 where there is none."""
    nearest: int
    """Position of the nearest question, -1 where there is none."""
    similarity: float
    """Its cosine."""


class KnownQuestions:
    """The known questions of one index. `folder`: written by `write_known`."""

    def __init__(self, folder: Path) -> None:
        self.texts: list[str] = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
        """What is asked; hashes for learned ones, see `questions.HASHED`."""
        self.region = mapped(folder / "region.npy")
        """By question, where it is asked."""
        starts, targets = mapped(folder / "target_starts.npy"), mapped(folder / "targets.npy").tolist()
        self.targets: list[list[int]] = [targets[a:b] for a, b in itertools.pairwise(starts.tolist())]
        """By question, the rows that it points to, the most fitting first."""
        self.lexical = LexicalIndex(folder / "questions")
        self.words = mapped(folder / "questions" / "vectors.npy")
        """By question, its vector of the static embedding."""
        self._dense = DenseIndex(folder / "meaning", exact=True)
        self.meaning = self._dense.vectors
        """By question, its vector of the question encoder."""
        self.asked_rows = mapped(folder / "asked_rows.npy")
        """The articles that some question points to, ascending."""
        self.asked_count = mapped(folder / "asked_count.npy")
        """By how many."""
        self._asked = LexicalIndex(folder / "asked") if len(self.asked_rows) else None
        self._asked_in = lru_cache(maxsize=64)(self._find_asked_in)
        learned = np.array([text.startswith(HASHED) for text in self.texts], dtype=np.bool_)
        self._as_text = ~learned
        pointed = [row for place in np.flatnonzero(learned).tolist() for row in self.targets[place]]
        self.learned_rows, count = np.unique(np.array(pointed, dtype=np.int64), return_counts=True)
        """The articles that some learned question points to, ascending: what citizens have really asked about."""
        self.learned_count = count.astype(np.float32)
        """By how many."""

    def near(self, question: str, meaning: Floats, places: Sequence[int], mask: NDArray[np.bool_]) -> Near:
        """What the questions asked in `places` say of this one. `mask`: the rows that apply."""
        here = self._asked_in(tuple(places))
        none = np.zeros(0, np.float32)
        if not here.any():
            return Near(np.zeros(0, np.int64), none, none, none, none, np.zeros(0, np.int64), -1, 0.0)
        every = ((0, len(self.texts)),)
        found, _ = self._dense.search(meaning, NEAREST, here, every)
        words, _ = self.lexical.scores(question)
        words *= here / np.float32(max(self.lexical.ceiling(question), 1e-6))
        found = np.union1d(found, best(words, NEAREST_BY_WORDS, every))
        cosine = self._dense.cosines(meaning, found)
        order = np.argsort(-cosine, kind="stable")
        found, cosine = found[order], cosine[order]
        weight = np.exp((cosine - cosine[0]) / _SHARPNESS)
        entries: dict[int, list[float]] = {}
        for question_row, each, value in zip(found.tolist(), cosine.tolist(), weight.tolist(), strict=True):
            targets = [row for row in self.targets[question_row] if mask[row]]
            for place, row in enumerate(targets):
                entry = entries.setdefault(row, [each, 0.0, 0.0, float(place == 0), -1.0])
                entry[1] += value / len(targets)
                entry[2] = max(entry[2], float(words[question_row]))
                if entry[4] < 0 and self._as_text[question_row]:
                    entry[4] = question_row
        table = np.array(list(entries.values()), dtype=np.float64).reshape(-1, 5)
        cosines, share, by_words, first, texts = table.T
        return Near(
            np.array(list(entries), dtype=np.int64), cosines.astype(np.float32),
            (share / max(share.sum(), 1e-9)).astype(np.float32), by_words.astype(np.float32), first.astype(np.float32),
            texts.astype(np.int64), int(found[0]), float(cosine[0]),
        )  # fmt: skip

    def _find_asked_in(self, places: tuple[int, ...]) -> NDArray[np.bool_]:
        return np.isin(self.region, places)

    def asked_scores(self, question: str) -> Floats:
        """BM25 of the articles of `asked_rows`, with the words of the questions that they answer, shape (len(asked_rows),)."""
        return self._asked.scores(question)[0] if self._asked is not None else np.zeros(0, np.float32)


def write_known(
    folder: Path,
    before: Path | None,
    questions: Sequence[EverydayQuestion],
    targets: Sequence[Sequence[int]],
    meaning: Floats,
    documents: dict[int, str],
    embedding: Embedding,
    same_model: bool = False,
) -> None:
    """Write `folder`. By question: the rows it points to and its vector, shape (questions, dimension). `documents`: what is
    indexed of each of these rows. `before`: such a folder, intact; `same_model`: whether its static vectors still hold.
    """
    folder.mkdir()
    texts = [question.text for question in questions]
    np.save(folder / "target_starts.npy", np.cumsum([0, *(len(each) for each in targets)]).astype(np.int32))
    np.save(folder / "targets.npy", np.array([row for each in targets for row in each], dtype=np.int32))
    np.save(folder / "region.npy", np.array([int(question.region) for question in questions], dtype=np.int32))
    (folder / "questions.json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    old = Before(before / "questions" if before else None, same_model)
    write_corpus(folder / "questions", old, [texts], embedding, tokenise=question_tokens)
    (folder / "meaning").mkdir()
    np.save(folder / "meaning" / "vectors.npy", meaning.astype(np.float16))
    asked: dict[int, list[str]] = {row: [] for row in sorted(documents)}
    for text, rows in zip(texts, targets, strict=True):
        for row in rows:
            asked[row].append(text)
    np.save(folder / "asked_rows.npy", np.array(list(asked), dtype=np.int64))
    np.save(folder / "asked_count.npy", np.array([len(each) for each in asked.values()], dtype=np.int32))
    if asked:
        whole = ["\n".join([documents[row], *each]) for row, each in asked.items()]
        write_corpus(folder / "asked", Before(None, False), [whole], None, tokenise=question_tokens)
