"""Writing an index: every article of the record with its words, its vectors and its days, the known questions, the cards.

`knowledge_base.building` decides when, and puts it in service.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core.regions import NATION
from knowledge_base.article_encoder import article_text
from knowledge_base.cards.store import card_documents
from knowledge_base.corpus import Before, write_corpus
from knowledge_base.dense import write_cells
from knowledge_base.embedding import Embedding
from knowledge_base.integrity import IndexMissing
from knowledge_base.known import write_known
from knowledge_base.meaning import Meaning
from knowledge_base.models import Article, Law, Version
from knowledge_base.postings import ArrayWriter
from knowledge_base.questions import EverydayQuestion

AnyRow = Row[*tuple[Any, ...]]
Progress = Callable[[str, int, int], None]
NEVER = np.iinfo(np.int32).max
_VERSIONS_AT_ONCE = 64  # some 5,000 articles


@dataclass(frozen=True)
class Build:
    """What every step of a build has at hand."""

    folder: Path
    """Being written."""
    previous: Path | None
    """The index before, intact and of this format; None where there is none."""
    same_model: bool
    """Whether its vectors are of the model in use."""
    session: Session
    embedding: Embedding
    meaning: Meaning
    progress: Progress

    def before(self, corpus: str) -> Before:
        return Before(self.previous / corpus if self.previous else None, self.same_model)


class Written(NamedTuple):
    """How much an index holds."""

    articles: int
    laws: int
    questions: int
    cards: int


class _Place(NamedTuple):
    row: int
    text: str
    document: str
    """What is indexed of it."""
    promulgated: date


@dataclass
class _Articles:
    """What later steps want to know of the articles written."""

    total: int = 0
    laws: int = 0
    national: int = 0
    """How many rows are of national law; they come first."""
    places: dict[tuple[str, str], list[_Place]] = field(default_factory=lambda: defaultdict(list))
    """Rows by (short name, number), of the articles that were asked after."""


def write_index(build: Build, questions: Sequence[EverydayQuestion]) -> Written:
    """Write all of an index but its manifest. `questions`: those of the cards last, card by card."""
    articles = _write_articles(build, {reference for question in questions for reference in question.articles})
    kept = _write_questions(build, questions, articles.places)
    return Written(articles.total, articles.laws, kept, _write_cards(build, questions))


def _write_articles(build: Build, wanted: set[tuple[str, str]]) -> _Articles:
    """Index every article of every version, and note where those named in `wanted` are."""
    versions = build.session.execute(
        select(
            Version.id, Version.promulgated, Version.effective_from, Version.ended_on, Version.notice,
            Law.id.label("law_id"), Law.name, Law.short_name, Law.rank, Law.region,
        )
        .join(Law, Version.law_id == Law.id)
        .order_by(Law.region, Law.rank, Law.short_name, Law.id, Version.effective_from, Version.id)
    ).all()  # fmt: skip
    total = build.session.execute(select(func.count()).select_from(Article)).scalar_one()
    if not total:
        raise IndexMissing("知识库里还没有法规，无法建立索引。请先导入法规。")
    articles, laws = _Articles(), dict[UUID, AnyRow]()
    with ExitStack() as files:

        def column(name: str, kind: type[np.generic], *tail: int) -> ArrayWriter:
            return files.enter_context(ArrayWriter(build.folder / f"{name}.npy", kind, tail))

        ids, ordinal, length = (
            column("article_ids", np.uint8, 16),
            column("ordinal", np.int32),
            column("length", np.int32),
        )
        law, region, noticed = column("law", np.int32), column("region", np.int32), column("noticed", np.bool_)
        effective_from, ended_on = column("effective_from", np.int32), column("ended_on", np.int32)
        (build.folder / "meaning").mkdir()
        encoded, meaning = column("encoded", np.bool_), column("meaning/vectors", np.float16, build.meaning.dimension)

        def read() -> Iterator[list[str]]:
            for some in _by_version(build.session, versions):
                texts: list[str] = []
                plain: list[str] = []
                for version, rows in some:
                    laws.setdefault(version.law_id, version)
                    for row in rows:
                        document = f"{version.short_name}\n{row.path}\n{row.text}"
                        if (version.short_name, row.number) in wanted:
                            place = _Place(articles.total + len(texts), row.text, document, version.promulgated)
                            articles.places[version.short_name, row.number].append(place)
                        texts.append(document)
                        plain.append(article_text(version.short_name, row.path, row.text))
                    ids.add(np.frombuffer(b"".join(row.id.bytes for row in rows), np.uint8))
                    ordinal.add([row.ordinal for row in rows])
                    length.add([len(row.text) for row in rows])
                    law.add(np.full(len(rows), len(laws) - 1))
                    region.add(np.full(len(rows), int(version.region)))
                    noticed.add(np.full(len(rows), bool(version.notice)))
                    effective_from.add(np.full(len(rows), version.effective_from.toordinal()))
                    ended_on.add(np.full(len(rows), version.ended_on.toordinal() if version.ended_on else NEVER))
                    articles.national += len(rows) if version.region == NATION else 0
                articles.total += len(texts)
                vectors, has_one = build.meaning.of_articles(plain)
                meaning.add(vectors)
                encoded.add(has_one)
                yield texts

        folder, before = build.folder / "articles", build.before("articles")
        origin = write_corpus(
            folder, before, read(), build.embedding,
            lambda done: build.progress("分词与向量", done, total),
            lambda done, postings: build.progress("词法索引", done, postings),
        )  # fmt: skip
    build.progress("向量索引", 0, 1)
    write_cells(folder, before.folder if before.same_model else None, origin, articles.national)
    write_cells(build.folder / "meaning", None, np.full(articles.total, -1), articles.national)
    build.progress("向量索引", 1, 1)
    articles.laws = len(laws)
    content = [[str(key), row.name, row.short_name, row.rank, row.region] for key, row in laws.items()]
    (build.folder / "laws.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return articles


def _by_version(session: Session, versions: Sequence[AnyRow]) -> Iterator[list[tuple[AnyRow, list[AnyRow]]]]:
    """Versions with their articles, some dozen versions at a time, in the order given; without those that have none."""
    for start in range(0, len(versions), _VERSIONS_AT_ONCE):
        some = versions[start : start + _VERSIONS_AT_ONCE]
        found: dict[UUID, list[AnyRow]] = {version.id: [] for version in some}
        rows = session.execute(
            select(Article.id, Article.version_id, Article.ordinal, Article.number, Article.path, Article.text)
            .where(Article.version_id.in_(found))
            .order_by(Article.position)
        )
        for row in rows:
            found[row.version_id].append(row)
        yield [(version, found[version.id]) for version in some if found[version.id]]


def _write_questions(
    build: Build, questions: Sequence[EverydayQuestion], places: dict[tuple[str, str], list[_Place]]
) -> int:
    """Index the questions whose articles are in the record or that a card answers, and return how many those are."""
    kept: list[EverydayQuestion] = []
    targets: list[list[int]] = []
    for question in questions:
        found = [row for reference in question.articles for row in _reviewed_rows(question, reference, places)]
        if found or question.card:
            kept.append(question)
            targets.append(found)
    build.progress("常见问题", 0, len(kept))
    documents = {place.row: place.document for each in places.values() for place in each}
    pointed = {row for each in targets for row in each}
    write_known(
        build.folder / "known", build.previous / "known" if build.previous else None, kept, targets,
        build.meaning.of_questions([question.text for question in kept]),
        {row: document for row, document in documents.items() if row in pointed}, build.embedding, build.same_model,
    )  # fmt: skip
    build.progress("常见问题", len(kept), len(kept))
    return len(kept)


def _write_cards(build: Build, questions: Sequence[EverydayQuestion]) -> int:
    """Index the cards whose questions are among `questions`, whole: questions, answer and gists. Return how many those are."""
    places = json.loads((build.folder / "known" / "questions.json").read_text(encoding="utf-8"))
    documents = card_documents(build.session)
    regions: dict[str, int] = {}
    ranges: dict[str, list[int]] = {}
    offset = len(places) - len([each for each in questions if each.card])  # cards' questions come last, card by card
    for position, question in enumerate((each for each in questions if each.card), start=offset):
        regions[question.card] = int(question.region)
        ranges.setdefault(question.card, [position, position])[1] = position + 1
    write_corpus(build.folder / "cards", build.before("cards"), [[documents[card] for card in ranges]], build.embedding)
    np.save(build.folder / "card_region.npy", np.asarray(list(regions.values()), dtype=np.int32))
    np.save(build.folder / "card_questions.npy", np.asarray(list(ranges.values()), dtype=np.int32).reshape(-1, 2))
    (build.folder / "cards.json").write_text(json.dumps(list(ranges)), encoding="utf-8")
    return len(ranges)


def _reviewed_rows(
    question: EverydayQuestion, reference: tuple[str, str], places: dict[tuple[str, str], list[_Place]]
) -> list[int]:
    """Rows of the article that whoever reviewed the question saw: of the version named, and others with the same words."""
    found, day = places.get(reference, []), dict(question.reviewed).get(reference[0])
    seen = {place.text for place in found if day is None or place.promulgated == day}
    return [place.row for place in found if place.text in seen]
