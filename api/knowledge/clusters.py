"""Questions that mean the same, put together: what many ask and nobody but people could answer deserves a card.

Where questions lie is the question encoder's business. The distance below which two are taken for one was chosen on the 2,900
questions of the national cards that ship, of which those of one card should come together: from 0.25 to 0.35 the adjusted
Rand index is at its best (0.28 to 0.30); farther apart, questions about one law fall together that have different answers.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TakesLonger
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from api.knowledge.asked import Asked, newest, unanswered
from core.clock import now
from core.database import Database
from escalation.models import UNSORTED
from knowledge_base.decide import Decision
from knowledge_base.search import KnowledgeBase

Floats = NDArray[np.float32]

PERIOD = timedelta(days=30)
APART = 0.3
"""Cosine distance at which two groups of questions are no longer one."""
SMALLEST = 2
_ALL_AT_ONCE = 2000
"""Up to so many all distances are looked at (32 MB); beyond, each question joins the nearest of the groups begun before it."""
_VECTORS_KEPT = 20_000
_SHOWN = 60
_WAITED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Questions taken for one, the newest first."""

    questions: list[Asked]
    answered_now: bool
    """The knowledge base would answer the newest of them today: a card or a law has come since."""

    @property
    def newest(self) -> Asked:
        return self.questions[0]

    @property
    def regions(self) -> list[tuple[str, int]]:
        return Counter(each.region for each in self.questions).most_common()

    @property
    def categories(self) -> list[tuple[str, int]]:
        sorted_out = [each.category for each in self.questions if each.category != UNSORTED]
        return Counter(sorted_out).most_common()

    @property
    def consultations(self) -> list[UUID]:
        return [each.consultation_id for each in self.questions if each.consultation_id is not None]


@dataclass(frozen=True, slots=True)
class Grouping:
    """All that was asked in the period: the groups of two and more, the largest first, and how many questions stand alone."""

    clusters: list[Cluster]
    total: int
    alone: int


def group(vectors: Floats) -> NDArray[np.int64]:
    """A label for each unit vector, shape (n, dimension), equal for those that belong together."""
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    if len(vectors) > _ALL_AT_ONCE:
        return _by_leaders(vectors)
    from sklearn.cluster import AgglomerativeClustering

    method = AgglomerativeClustering(n_clusters=None, distance_threshold=APART, metric="cosine", linkage="average")
    return np.asarray(method.fit_predict(vectors), dtype=np.int64)


def _by_leaders(vectors: Floats) -> NDArray[np.int64]:
    """Each question joins the group whose middle is nearest, if it is near enough, else it begins one (Hartigan's leader)."""
    sums = np.zeros_like(vectors)
    labels = np.zeros(len(vectors), np.int64)
    count = 0
    for place, vector in enumerate(vectors):
        middles = sums[:count] / np.maximum(np.linalg.norm(sums[:count], axis=1, keepdims=True), 1e-9)
        near = middles @ vector
        best = int(near.argmax()) if count else -1
        if best < 0 or near[best] < 1 - APART:
            best, count = count, count + 1
        sums[best] += vector
        labels[place] = best
    return labels


class Clusters:
    """The grouping of the last days, worked out once for each state of the record, beside the requests that ask for it."""

    def __init__(self, database: Database, knowledge_base: KnowledgeBase) -> None:
        self._database = database
        self._knowledge_base = knowledge_base
        self._vectors: OrderedDict[UUID, Floats] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="clusters")
        self._lock = threading.Lock()
        self._of: tuple[object, ...] | None = None
        self._under_way: Future[Grouping] | None = None

    def look(self, wait: float = _WAITED_SECONDS) -> Grouping | None:
        """The grouping as the record is now; None where it takes longer than one waits for a page: ask again."""
        since = now() - PERIOD
        with self._database.read() as session:
            wanted = (newest(session, since), since.date(), self._knowledge_base.index_name)
        with self._lock:
            # One at a time: while it works nobody begins another, and who comes next sees what has come in since.
            if self._under_way is None or (self._of != wanted and self._under_way.done()):
                self._of, self._under_way = wanted, self._worker.submit(self._work, since)
            under_way = self._under_way
        try:
            return under_way.result(wait)
        except TakesLonger:
            return None

    def _work(self, since: datetime) -> Grouping:
        with self._database.read() as session:
            asked = unanswered(session, since)
        if not asked:
            return Grouping([], 0, 0)
        labels = group(self._encode(asked))
        members: dict[int, list[Asked]] = {}
        for each, label in zip(asked, labels.tolist(), strict=True):
            members.setdefault(label, []).append(each)
        several = sorted((each for each in members.values() if len(each) >= SMALLEST), key=len, reverse=True)[:_SHOWN]
        alone = sum(len(each) == 1 for each in members.values())
        clusters = [Cluster(each, self._answers(each[0])) for each in several]
        return Grouping(sorted(clusters, key=lambda each: each.answered_now), len(asked), alone)

    def _encode(self, asked: Sequence[Asked]) -> Floats:
        missing = [each for each in asked if each.message_id not in self._vectors]
        if missing:
            found = self._knowledge_base.encode([each.text for each in missing])
            self._vectors.update(zip((each.message_id for each in missing), found, strict=True))
        vectors = np.stack([self._vectors[each.message_id] for each in asked])
        while len(self._vectors) > _VECTORS_KEPT:
            self._vectors.popitem(last=False)
        return vectors

    def _answers(self, asked: Asked) -> bool:
        return self._knowledge_base.search(asked.text, region=asked.region, limit=1).decision is Decision.ANSWER
