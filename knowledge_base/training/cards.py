"""Calibrating when a card answers: how near must a question be to a card's.

Four kinds of case. *variant*: every question of every card, asked where the card is for, with that question taken out of the
index (the local cards' have been seen by no model); right if the card itself is nearest, or one that rests on the same first article for the same place.
*elsewhere*: questions of local cards asked in a province that has none. *layperson*: STARD's train questions; right if the card
cites an article marked as relevant (other good answers count as wrong there, so that figure is a lower bound). *off topic*:
sentences that no law answers. Folds are by card, so that a card's other questions never train its own case.
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.database import Base, Database
from core.regions import NATION, lineage
from core.settings import Settings
from knowledge_base.building import build_index
from knowledge_base.cards.files import CardDraft
from knowledge_base.cards.matching import FEATURES, match_cards
from knowledge_base.cards.store import card_questions, store_cards
from knowledge_base.decide import rule
from knowledge_base.embedding import Embedding
from knowledge_base.importing.drafts import ArticleDraft, ImportReport, Source, VersionDraft
from knowledge_base.importing.store import store
from knowledge_base.index import open_index
from knowledge_base.models import CardState, Rank
from knowledge_base.question_encoder import QuestionEncoder
from knowledge_base.text import normalise
from knowledge_base.training.material import Material, shipped_cards
from knowledge_base.training.off_topic import OFF_TOPIC
from knowledge_base.training.ranker import TARGET, calibration_error

SEEN = "variant of a national card"
"""The question encoder has been trained on these: they look nearer than a new question would, and count for half."""
ELSEWHERE = "530100"  # 昆明: no local card is for it
FOLDS = 6  # every question of a card with up to six is away once


@dataclass
class Case:
    """One question: the features of the cards near it, shape (n, features), which of them are right, and their ids."""

    kind: str
    group: str
    question: str
    features: np.ndarray
    right: np.ndarray
    cards: list[str]


def held_out(question_place: int) -> int:
    return question_place % FOLDS


def build_fold(cards: list[CardDraft], fold: int | None, home: Path) -> Settings:
    """An index of the cards without every question of this fold."""
    settings = Settings(home=home)
    database = Database(settings.sql_url)
    Base.metadata.create_all(database.engine)
    kept = [
        replace(
            card,
            questions=tuple(q for place, q in enumerate(card.questions) if fold is None or held_out(place) != fold),
        )
        for card in cards
    ]
    article = ArticleDraft("第一条", 1000, "", "一条与卡片无关的条文。")
    law = VersionDraft("测试法", Rank.LAW, date(2000, 1, 1), date(2000, 1, 1), Source.TEXT, [article])
    store(database, [law], ImportReport("law"), lambda *_: None)
    store_cards(database, kept, ImportReport("cards"), lambda *_: None)
    with database.read() as session:
        questions = card_questions(session)
    build_index(settings, database, questions=questions)
    database.dispose()
    return settings


def gather_cases(cards: list[CardDraft], material: Material, meaning_of: dict[str, np.ndarray]) -> list[Case]:
    by_id = {card.id: card for card in cards}
    cases: list[Case] = []

    def add(kind: str, group: str, question: str, region: str, right: Callable[[CardDraft], bool]) -> None:
        asked = normalise(question)
        if rule(asked, False) is not None and kind not in ("variant", SEEN):
            return  # the rules decide before any card is looked at
        places = [int(code) for code in lineage(region)]
        meaning = meaning_of[question] if question in meaning_of else encoder.encode([asked])[0]
        matches = match_cards(index, asked, embedding.encode([asked])[0], meaning, places)
        names = [index.cards[card] for card in matches.cards]
        cases.append(
            Case(kind, group, question, matches.features, np.array([right(by_id[name]) for name in names]), names)
        )

    embedding, encoder = Embedding(""), QuestionEncoder()
    for fold in range(FOLDS):
        with tempfile.TemporaryDirectory() as home:
            index = open_index(build_fold(cards, fold, Path(home)).index_dir)
            for own in cards:
                first = (own.citations[0].law, own.citations[0].article)
                for place, question in enumerate(own.questions):
                    if held_out(place) == fold:
                        kind = SEEN if own.region == NATION else "variant"
                        add(kind, own.id, question, own.region, partial(_answers_too, own, first))
                        if own.region != NATION:
                            add("elsewhere", own.id, question, ELSEWHERE, partial(_cites_any, {first}))
    named = {document.id: (document.law, document.number) for document in material.documents[: material.corpus]}
    with tempfile.TemporaryDirectory() as home:
        index = open_index(build_fold(cards, None, Path(home)).index_dir)
        for place, (asked, relevant) in enumerate(zip(material.stard, material.relevant, strict=True)):
            wanted = {named[key] for key in relevant}
            add("layperson", f"stard-{place}", asked.text, NATION, partial(_cites_any, wanted))
        for sentence in OFF_TOPIC:
            add("off topic", sentence, sentence, NATION, lambda _: False)
    return cases


def _cites_any(wanted: set[tuple[str, str]], found: CardDraft) -> bool:
    return bool(wanted & {(each.law, each.article) for each in found.citations})


def _answers_too(own: CardDraft, first: tuple[str, str], found: CardDraft) -> bool:
    """The card itself, or one for the same place that rests on the same first article."""
    return found.id == own.id or (found.region == own.region and _cites_any({first}, found))


def fit(cases: list[Case], weight: np.ndarray, chosen: np.ndarray) -> tuple[StandardScaler, LogisticRegression]:
    """A logistic regression over the cards near the chosen questions, each question weighing the same."""
    some = [i for i in chosen if len(cases[i].cards)]
    rows = np.concatenate([cases[i].features for i in some])
    right = np.concatenate([cases[i].right for i in some])
    weights = np.concatenate([np.full(len(cases[i].cards), weight[i]) for i in some])
    scaler = StandardScaler().fit(rows)
    model = LogisticRegression(C=1.0, max_iter=2000)
    return scaler, model.fit(scaler.transform(rows), right, sample_weight=weights / weights.mean())


def calibrate_cards(material: Material, path: Path, meaning_of: dict[str, np.ndarray]) -> None:
    """Write `path`, with the figures out of fold. `meaning_of`: vectors of STARD's questions from encoders that have not seen them."""
    cards = [card for card in shipped_cards() if card.state is CardState.PUBLISHED]
    cases = gather_cases(cards, material, meaning_of)
    count = Counter(case.kind for case in cases)
    share = {"variant": 1.0, SEEN: 0.5, "elsewhere": 0.3, "layperson": 1.0, "off topic": 0.3}
    weight = np.array([share[case.kind] / count[case.kind] for case in cases])
    groups = sorted({case.group for case in cases})
    random.Random(7).shuffle(groups)  # noqa: S311
    fold = {group: position % 5 for position, group in enumerate(groups)}
    folds = np.array([fold[case.group] for case in cases])
    probability, right = np.zeros(len(cases)), np.zeros(len(cases), dtype=bool)
    for each in range(5):
        scaler, model = fit(cases, weight, np.flatnonzero(folds != each))
        for i in np.flatnonzero(folds == each):
            case = cases[i]
            if len(case.cards):
                likely = model.predict_proba(scaler.transform(case.features))[:, 1]
                best = int(np.argmax(likely))
                probability[i], right[i] = likely[best], case.right[best]
    order = np.argsort(-probability)
    gained = np.cumsum(weight[order] * right[order]) / np.cumsum(weight[order])
    enough = np.flatnonzero(gained >= TARGET)
    threshold = float(probability[order[enough[-1]]]) if len(enough) else 1.0
    report: dict[str, object] = {
        "ece": round(calibration_error(probability, right), 3),
        "threshold": round(threshold, 4),
    }
    for kind in count:
        chosen = np.array([case.kind == kind for case in cases])
        answered = chosen & (probability >= threshold)
        report[kind] = {
            "cases": int(chosen.sum()),
            "right at best": round(float(right[chosen].mean()), 3),
            "answered": round(float(answered.sum() / chosen.sum()), 3),
            "precision": round(float(right[answered].mean()), 3) if answered.any() else None,
        }
    scaler, model = fit(cases, weight, np.arange(len(cases)))
    content = {
        "how": f"logistic regression; threshold for {TARGET:.2f} precision over all kinds of case, out of fold by card",
        "features": list(FEATURES), "mean": scaler.mean_.round(6).tolist(), "scale": scaler.scale_.round(6).tolist(),
        "coefficients": model.coef_[0].round(6).tolist(), "intercept": round(float(model.intercept_[0]), 6),
        "threshold": round(threshold, 4), "out_of_fold": report,
    }  # fmt: skip
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
