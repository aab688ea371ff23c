"""What kind of message a citizen has written: a question of law, one's own dispute, danger, the wish for a person, …

Similarity to an article says nothing of that. A linear classifier over the words and over the question encoder's vector
does; it is trained on messages written for this (`knowledge_base/data/messages`) and on the everyday questions.
"""

import itertools
import re
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import rjieba
from numpy.typing import NDArray

from knowledge_base.model_files import KINDS
from knowledge_base.postings import hash_token

Floats = NDArray[np.float32]

_MARKS = re.compile(r"[^\w\s]|\s+")
BUCKETS = 4096
"""Hashed words, pairs of words and pairs of characters."""


class Kind(StrEnum):
    LAW = "law"
    """A question of what the law says, also if told in the first person."""
    DISPUTE = "dispute"
    """One's own case, where facts, evidence and amounts must be weighed."""
    STRATEGY = "strategy"
    """Tactics, chances, drafting, a plan."""
    DANGER = "danger"
    """Somebody may come to harm now or soon."""
    PERSON = "person"
    """Wants a human."""
    VAGUE = "vague"
    """Too little to know what is asked; greetings."""
    OTHER = "other"
    """No matter of law."""


KINDS_IN_ORDER = tuple(Kind)


def features(text: str, meaning: Floats) -> Floats:
    """Shape (BUCKETS + dimension + 4,): hashed words to unit length, the encoder's vector, length, digits, first person, sentences."""
    text = _MARKS.sub(" ", text)
    words = [word for word in rjieba.cut(text) if word.strip()]
    plain = "".join(words)
    tokens = [
        *words,
        *(f"{a}_{b}" for a, b in itertools.pairwise(words)),
        *(plain[i : i + 2] for i in range(len(plain) - 1)),
    ]
    hashed = np.zeros(BUCKETS, dtype=np.float32)
    for token in tokens:
        hashed[hash_token(token) % BUCKETS] += 1
    hashed = np.sqrt(hashed)
    hashed /= max(float(np.linalg.norm(hashed)), 1e-6)
    counts = (
        np.log1p(len(text)) / 5, min(sum(c.isdigit() for c in text), 12) / 12, min(text.count("我"), 4) / 4,
        min(text.count(" "), 8) / 8,
    )  # fmt: skip
    return np.concatenate([hashed, meaning, np.array(counts, dtype=np.float32)])


class KindClassifier:
    """The classifier that ships: a logistic regression with one row of weights a kind."""

    def __init__(self, path: Path = KINDS) -> None:
        with np.load(path) as content:
            self._weights = content["weights"].astype(np.float32)
            self._intercepts = content["intercepts"].astype(np.float32)
            self.thresholds = {
                Kind(name): float(value) for name, value in zip(content["kinds"], content["thresholds"], strict=True)
            }
            """From which probability on a kind decides; 1 for law, which decides nothing."""

    @classmethod
    @cache
    def load(cls) -> "KindClassifier":
        return cls()

    def probabilities(self, text: str, meaning: Floats) -> dict[Kind, float]:
        """The probability of each kind. `meaning`: the text's vector from the question encoder."""
        linear = self._weights @ features(text, meaning) + self._intercepts
        exponential = np.exp(linear - linear.max())
        return dict(zip(KINDS_IN_ORDER, (exponential / exponential.sum()).tolist(), strict=True))
