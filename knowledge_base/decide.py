"""Answer, clarify or escalate: rules on the question first, then a calibrated probability.

"Never guess law": a wrong law is worse than a handoff. The rules see what no similarity can: that somebody asks about
their own dispute, wants a person, is in danger, or has not yet asked anything; a classifier sees it where no rule does. The
probability is a logistic regression on the shape of the ranking and on what each system says of its first two, fitted on
rankings whose question no system had seen (`knowledge_base.training.ranker`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import rjieba
from numpy.typing import NDArray

from knowledge_base import rank
from knowledge_base.candidates import Candidates
from knowledge_base.cards import matching
from knowledge_base.cards.matching import CardMatches
from knowledge_base.kinds import Kind, KindClassifier
from knowledge_base.model_files import CALIBRATION, CARD_CALIBRATION
from knowledge_base.references import Reference
from knowledge_base.rerank import Ranking
from knowledge_base.text import STOPWORDS

Floats = NDArray[np.float32]

_SHAPE = (
    "score", "gap_2", "gap_4", "gap_10", "share_first", "entropy", "lexical_per_token", "meaning_best", "meaning_first",
    "meaning_third", "first_is_lexical_best", "first_is_meaning_best", "first_is_asked_best", "agreement",
    "nearest_question", "near_first", "near_first_squared", "near_share_first", "near_share_three", "near_words_first",
    "known", "length", "named", "same_law",
)  # fmt: skip
FEATURES = (
    *_SHAPE, *(f"first_{name}" for name in rank.FEATURES), *(f"second_less_first_{name}" for name in rank.FEATURES),
    *(f"score_{place}" for place in range(1, 6)),
    "odds", "odds_best", "odds_above_others", "odds_second", "odds_third", "chance", "chances_of_three",
)  # fmt: skip

_PERSON = re.compile(
    r"(?:找|转|接|联系|推荐|咨询|问问?)(?:个|一个|一位|位|下|一下)?(?:人工|真人|律师|客服)|"
    r"(?:我要|我想|帮我)(?:请|要|和|跟)?(?:个|一个|一位|位)?(?:律师|人工|真人|客服)|人工服务|真人客服"
)
_DANGER = re.compile(
    r"(?:正在|现在|马上|又在)[^，。]{0,6}(?:打我|砍|杀|动手)|(?:想|要)自杀|不想活|活不下去|孩子(?:不见|丢|失踪)了?|(?:要|扬言)(?:杀|弄死|砍死)(?:我|人)|救命"
)
_OWN = re.compile(r"我(?!国)|本人|俺|咱|家里|我们家")
_AMOUNT = re.compile(
    r"[0-9]+(?:\.[0-9]+)?\s*(?:多|余|来)?\s*(?:万|千|百|元|块|w)|[一二三四五六七八九十两几]+(?:十|百|千)?(?:多|余|来)?(?:万|千块|百块|块钱|万元|千元|百元)"
)
_EVIDENCE = re.compile(
    r"录音|聊天记录|微信记录|转账(?:记录|凭证)|监控(?:录像|视频)|证人|欠条|借条|收据|(?<!没)(?:有|保留了?|掌握了?)[^，。？没]{0,6}证据|鉴定结论|伤残鉴定|判决书|起诉状|传票"
)
_STRATEGY = re.compile(
    r"(?:怎么|如何|怎样|去哪|能不能|可不可以|该|要不要|咋)(?:去|才能)?(?:打官司|告|起诉|应诉|维权|上诉|辩护|举证|取证)|"
    r"(?:能|可以|会|该|应该)(?:赔|判|要到?|拿到?|分到?)(?:偿|我|给我|他|她)?(?:多少|几)|胜诉|打赢|能赢|胜算|赢面|把握大|开庭|(?:帮我|替我)(?:写|起草|看看|分析|算|打官司|告|要回)"
)
DANGER, WANTS_PERSON, OWN_CASE, GREETING = "可能有人身危险", "要找人", "具体个案", "问候"
"""Why the words of a message alone decide, for the log; and `VAGUE`."""
VAGUE = "问题太短"
_ELSEWHERE = "法律本身没有规定，须查法规或司法解释"
# Rules that a reviewed answer to that very question settles.
_CARDS_MAY_ANSWER = {VAGUE, _ELSEWHERE}
# And rules that one written down as a question of law settles: the classifier may take it for somebody's own dispute.
_KNOWN_MAY_ANSWER = {VAGUE, OWN_CASE}
LIKELY_LOCAL_CARD = 0.08
"""The same for a card of the place, where nothing else of the place is among the first three: better one article too many."""
LIKELY_CARD = 0.3
"""The probability from which a card's articles are listed first, whether or not the card answers."""
_KNOWN = 0.95
"""The probability that what a reviewed question names answers it: a little below what second readers found (0.996)."""
_WORD = re.compile(r"[\u3400-\u9fffa-zA-Z0-9]")
_EXPLAIN = re.compile(r"什么是|是什么|什么叫|是啥|啥是|哪些是|什么意思")
# What citizens often ask and only regulations or judicial interpretations answer (彩礼返还, 工伤认定, days of leave, …).
# The statutes hold something that resembles an answer and is none: so without those texts only a card may answer.
_NOT_IN_STATUTES = re.compile(
    r"彩礼[^，。]{0,8}(?:退|还|要回)|(?:退|还|要回)[^，。]{0,4}彩礼|(?:算|是|属于|认定)[^，。]{0,4}工伤|工伤认定|"
    r"(?:产假|陪产假|婚假|丧假|年假|年休假)[^，。]{0,6}(?:多少|几)天|公积金|伤残[^，。]{0,4}(?:等级|级别)|退休年龄|几岁退休"
)
_GREETING = re.compile(
    r"^(?:您好|你好|在吗|在不在|早上好|下午好|晚上好|谢谢|多谢|感谢|再见|拜拜|好的|嗯+|哦+|哈+|hi|hello|ok)+[啊呀呢吗了,，。!！?？~ ]*$",
    re.I,
)


class Decision(StrEnum):
    """What to do with a question."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision, the probability that the first three hits answer, and the rule that decided (Chinese) if one did."""

    decision: Decision
    confidence: float
    reason: str = ""
    by_rule: bool = False
    first: float = 0.0
    """The probability that the first hit alone answers."""


def rule(question: str, referred: bool, *, statutes_only: bool = True) -> Outcome | None:
    """What the question's own words decide; None where they leave it to the ranking.

    `statutes_only`: the knowledge base holds neither administrative regulations nor judicial interpretations.
    """
    if _DANGER.search(question):
        return Outcome(Decision.ESCALATE, 0.0, DANGER, True)
    if _PERSON.search(question):
        return Outcome(Decision.ESCALATE, 0.0, WANTS_PERSON, True)
    if _GREETING.match(question.strip()):
        return Outcome(Decision.CLARIFY, 0.0, GREETING, True)
    marks = [bool(pattern.search(question)) for pattern in (_AMOUNT, _EVIDENCE, _STRATEGY)]
    if sum(marks) + bool(_OWN.search(question)) >= 2 and any(marks):
        return Outcome(Decision.ESCALATE, 0.0, OWN_CASE, True)
    if statutes_only and not referred and _NOT_IN_STATUTES.search(question):
        return Outcome(Decision.ESCALATE, 0.0, _ELSEWHERE, True)
    if not referred and _is_vague(question):
        return Outcome(Decision.CLARIFY, 0.0, VAGUE, True)
    return None


def _is_vague(question: str) -> bool:
    """A bare catchword ("离婚", "劳动合同", "工伤怎么办"), unless it is to be explained ("居住权是什么")."""
    return len(content_words(question)) < (1 if _EXPLAIN.search(question) else 2)


def content_words(question: str) -> list[str]:
    """The words of a question that say what it is about. 不, 没 and 还 do: 借钱不还."""
    return [word for word in rjieba.cut(question) if _WORD.match(word) and (word in "不没还" or word not in STOPWORDS)]


def features(question: str, candidates: Candidates, ranking: Ranking, order: NDArray[np.int64]) -> NDArray[np.float64]:
    """A ranking as numbers, in the order of FEATURES. `order`: positions of the candidates, best first, at least one."""
    five = order[np.minimum(np.arange(5), len(order) - 1)]
    first, second = (np.nan_to_num(ranking.columns[place], nan=-1) for place in five[:2])
    shape = _shape(question, candidates, ranking.total, order)
    return np.concatenate([shape, first, second - first, ranking.total[five], _odds(ranking.odds, five)])


def _odds(odds: Floats, five: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the reranker says of the first three."""
    three = odds[five[:3]].astype(np.float64)
    others = np.delete(odds, five[0])
    chances = _logistic(three)
    return np.array([
        three[0], odds.max(), three[0] - others.max(initial=odds.min()), three[1], three[2], chances[0], chances.sum(),
    ], dtype=np.float64)  # fmt: skip


def _shape(question: str, candidates: Candidates, scores: Floats, order: NDArray[np.int64]) -> NDArray[np.float64]:
    top = scores[order[:10]].astype(np.float64)
    first, three = int(order[0]), order[:3]
    lexical, meaning = candidates.lexical, np.nan_to_num(candidates.meaning, nan=-1)
    asked = np.nan_to_num(candidates.asked)
    laws = candidates.laws[order[:10]]
    best_lexical, best_meaning = np.argsort(-lexical)[:10], np.argsort(-meaning)[:10]
    words = max(len(content_words(question)), 1)
    weights = np.exp(top - top[0])
    weights /= weights.sum()

    def gap(place: int) -> float:
        return float(top[0] - top[min(place, len(top)) - 1])

    return np.array([
        top[0], gap(2), gap(4), gap(10), weights[0], -float((weights * np.log(weights)).sum()),
        float(lexical.max()) / words, float(meaning.max()), float(meaning[first]), float(meaning[three].min()),
        float(first == best_lexical[0]), float(first == best_meaning[0]), float(asked[first] > 0 and asked[first] == asked.max()),
        len(set(best_lexical.tolist()) & set(best_meaning.tolist())) / 10,
        candidates.nearest_similarity, float(candidates.near[first]), float(candidates.near[first]) ** 2,
        float(candidates.near_share[first]), float(candidates.near_share[three].sum()), float(candidates.near_words[first]),
        candidates.known, np.log(words), float(candidates.named[first]), float(np.mean(laws == laws[0])),
    ], dtype=np.float64)  # fmt: skip


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """In a form that cannot overflow."""
    return np.asarray((1 + np.tanh(values / 2)) / 2)


class Calibration:
    """A logistic regression on standardised features, and the threshold above which to answer."""

    def __init__(
        self,
        mean: Sequence[float],
        scale: Sequence[float],
        coefficients: Sequence[float],
        intercept: float,
        threshold: float,
    ) -> None:
        self._mean, self._scale = np.asarray(mean), np.asarray(scale)
        self._coefficients, self._intercept = np.asarray(coefficients), intercept
        self.threshold = threshold

    @classmethod
    def load(cls, path: Path, features: tuple[str, ...], target: str = "") -> "Calibration":
        """One that ships, for this target where the file holds several. Raises ValueError where it was fitted to other
        features than this code computes.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        if target:
            content = {**content, **content[target]}
        if tuple(content["features"]) != features:
            raise ValueError(f"{path.name} 与本版本的特征不符，请重新校准")
        return cls(
            content["mean"], content["scale"], content["coefficients"], content["intercept"], content["threshold"]
        )

    def probability(self, row: NDArray[np.float64]) -> float:
        """The probability that what would be shown answers."""
        return float(self.probabilities(row[None, :])[0])

    def probabilities(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same for many, shape (n,)."""
        linear = ((rows - self._mean) / self._scale) @ self._coefficients + self._intercept
        return _logistic(linear)


class Decider:
    """Whether to answer: by the articles that rank first, or by the card that is nearest.

    `first`: the probability that the article shown first answers; `three`: that one of the first three does.
    """

    def __init__(self, first: Calibration, three: Calibration, cards: Calibration, kinds: KindClassifier) -> None:
        self.first, self.three, self.cards, self.kinds = first, three, cards, kinds

    @classmethod
    @cache
    def load(cls) -> "Decider":
        """The calibrations that ship."""
        return cls(
            Calibration.load(CALIBRATION, FEATURES, "first"), Calibration.load(CALIBRATION, FEATURES, "three"),
            Calibration.load(CARD_CALIBRATION, matching.FEATURES), KindClassifier.load(),
        )  # fmt: skip

    def best_card(self, matches: CardMatches) -> tuple[int, float]:
        """The position of the card most likely to answer, and the probability that it does; -1 where there is none."""
        if not len(matches.cards):
            return -1, 0.0
        probability = self.cards.probabilities(matches.features)
        best = int(np.argmax(probability))
        return int(matches.cards[best]), round(float(probability[best]), 4)

    def answers_with_card(self, outcome: Outcome, probability: float) -> bool:
        """Whether a card answers, given what the rules and the ranking say without it."""
        return probability >= self.cards.threshold and (not outcome.by_rule or outcome.reason in _CARDS_MAY_ANSWER)

    def without_ranking(self, question: str, meaning: Floats) -> str:
        """The reason why the words of a message alone decide; empty where they leave it to the ranking."""
        ruled = rule(question, False, statutes_only=False) or self._by_kind(self.kinds.probabilities(question, meaning))
        return ruled.reason if ruled is not None else ""

    def decide(
        self, question: str, meaning: Floats, candidates: Candidates, ranking: Ranking, order: NDArray[np.int64],
        references: Sequence[Reference], *, statutes_only: bool = True, known: bool = False,
    ) -> Outcome:  # fmt: skip
        """The outcome for a ranked question; what the texts themselves forbid is the caller's to check.

        `meaning`: the question's vector from the question encoder. `known`: it is a known question word for word, and the
        articles it names rank first.
        """
        ruled = rule(question, bool(references), statutes_only=statutes_only)
        if ruled is None and not references:
            ruled = self._by_kind(self.kinds.probabilities(question, meaning))
        if not len(order):
            return ruled or Outcome(Decision.ESCALATE, 0.0)
        shape = features(question, candidates, ranking, order)
        first, three = round(self.first.probability(shape), 4), round(self.three.probability(shape), 4)
        if known:
            first, three = max(first, _KNOWN), max(three, _KNOWN)
        # A short question that is known word for word is not too short.
        if ruled is not None and not (known and ruled.reason in _KNOWN_MAY_ANSWER):
            return Outcome(ruled.decision, three, ruled.reason, True, first)
        decision = Decision.ANSWER if three >= self.three.threshold else Decision.ESCALATE
        return Outcome(decision, three, first=first)

    def _by_kind(self, probabilities: Mapping[Kind, float]) -> Outcome | None:
        """What the classifier decides where no rule does; None for a question of law, and where it is not sure."""
        chosen = {kind for kind, value in probabilities.items() if value >= self.kinds.thresholds[kind]}
        if Kind.DANGER in chosen:
            return Outcome(Decision.ESCALATE, 0.0, DANGER, True)
        if Kind.PERSON in chosen:
            return Outcome(Decision.ESCALATE, 0.0, WANTS_PERSON, True)
        own = probabilities[Kind.DISPUTE] + probabilities[Kind.STRATEGY]
        if own >= self.kinds.thresholds[Kind.DISPUTE]:
            return Outcome(Decision.ESCALATE, 0.0, OWN_CASE, True)
        if Kind.VAGUE in chosen:
            return Outcome(Decision.CLARIFY, 0.0, VAGUE, True)
        return None  # what is no matter of law resembles no article: the ranking knows
