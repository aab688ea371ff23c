"""Asking back: where a short question has two readings that lead to different law, a question for each of them.

The readings are known questions whose answer is known: whoever picks one is answered at once.
"""

from collections.abc import Sequence

import numpy as np

from knowledge_base.candidates import Candidates
from knowledge_base.decide import VAGUE, Outcome, content_words

MAX_CHOICES = 3
_SHORT = 6  # content words; who writes more has said what it is about
_LIKELY = 0.35  # below this none of the readings is likely to be meant
_NEAR = 0.5
_NEARLY_AS_NEAR = 0.12  # in cosine


def readings(question: str, candidates: Candidates, texts: Sequence[str], outcome: Outcome) -> tuple[str, ...]:
    """Two or three questions to choose from, the likeliest first; none where there is one reading or the question is not short.

    `texts`: of the known questions.
    """
    vague = outcome.by_rule and outcome.reason == VAGUE
    if (outcome.by_rule and not vague) or len(content_words(question)) > _SHORT:
        return ()
    if not vague and outcome.confidence < _LIKELY:
        return ()
    chosen: dict[int, str] = {}
    order = np.argsort(-candidates.near, kind="stable")
    nearest = float(candidates.near[order[0]]) if len(order) else 0.0
    for place in order.tolist():
        asked, near = int(candidates.near_question[place]), float(candidates.near[place])
        if near < max(_NEAR, nearest - _NEARLY_AS_NEAR) or len(chosen) == MAX_CHOICES:
            break
        law = int(candidates.laws[place])
        if asked >= 0 and law not in chosen and texts[asked] not in chosen.values():
            chosen[law] = texts[asked]
    return tuple(chosen.values()) if len(chosen) > 1 else ()
