"""Building the search index: from the record into a folder named by its content, put in service in one step.

``index_dir/CURRENT`` holds the name of the folder in service. A build writes into a folder of its own, and only a
finished one gets its name and then CURRENT: a build killed at any moment leaves the old index in service. The record is
read some thousand articles at a time, and what the index before has of an article that has not changed is taken over.
"""

import hashlib
import json
import os
import shutil
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

from core.clock import now
from core.database import Database
from core.log import get_logger
from core.regions import NATION
from core.settings import Settings
from knowledge_base.cards.store import card_documents, card_questions
from knowledge_base.corpus import Before, write_corpus
from knowledge_base.dense import write_cells
from knowledge_base.embedding import Embedding, model_digest
from knowledge_base.index import current_name
from knowledge_base.integrity import FORMAT, IndexMissing, Manifest, check, seal
from knowledge_base.models import Article, Law, Version
from knowledge_base.postings import ArrayWriter
from knowledge_base.questions import EverydayQuestion, load_questions

log = get_logger(__name__)

AnyRow = Row[*tuple[Any, ...]]
Progress = Callable[[str, int, int], None]
NEVER = np.iinfo(np.int32).max
_BUILDING = ".building-"
_VERSIONS_AT_ONCE = 64  # some 5,000 articles


@dataclass(frozen=True)
class IndexReport:
    """`name` of the index now in service; `built` is False where nothing had changed."""

    name: str
    built: bool
    articles: int
    questions: int


@dataclass(frozen=True)
class _Build:
    """What every step of a build has at hand."""

    folder: Path
    """Being written."""
    previous: Path | None
    """The index before, intact and of this format; None where there is none."""
    same_model: bool
    """Whether its vectors are of the model in use."""
    session: Session
    embedding: Embedding
    progress: Progress

    def before(self, corpus: str) -> Before:
        return Before(self.previous / corpus if self.previous else None, self.same_model)


class _Place(NamedTuple):
    row: int
    text: str
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


def all_questions(session: Session) -> list[EverydayQuestion]:
    """What is indexed as questions: a card's are everyday questions that have an answer of their own."""
    return [*load_questions(), *card_questions(session)]


def content_name(settings: Settings, session: Session, questions: Sequence[EverydayQuestion]) -> str:
    """The name of the index that the record, the model, the questions and this code call for."""
    digest = hashlib.sha256(f"{FORMAT}|{model_digest(settings)}\n".encode())
    rows = session.execute(
        select(
            Version.id, Version.digest, Version.effective_from, Version.ended_on, Version.notice,
            Law.name, Law.rank, Law.region,
        )
        .join(Law)
        .order_by(Version.id)
    )  # fmt: skip
    for row in rows:
        digest.update("|".join(map(str, row)).encode() + b"\n")
    for question in questions:
        digest.update(repr(question).encode())
    return digest.hexdigest()[:24]


def build_index(
    settings: Settings,
    database: Database,
    progress: Progress = lambda *_: None,
    *,
    questions: Sequence[EverydayQuestion] | None = None,
) -> IndexReport:
    """Bring the index up to date with the record and put it in service; does nothing where it already is and is intact.

    `progress` hears the phase (Chinese), how much is done and how much there is. Raises IndexMissing for an empty
    record: an index that finds nothing must not displace one that does.
    """
    with database.read() as session:
        if session.get_bind().dialect.name == "postgresql":  # all that is read must be of one moment, as on SQLite
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        questions = all_questions(session) if questions is None else questions
        name = content_name(settings, session, questions)
        folder = settings.index_dir / name
        manifest = _intact(folder)
        built = manifest is None
        if manifest is None:
            settings.index_dir.mkdir(parents=True, exist_ok=True)
            draft = settings.index_dir / f"{_BUILDING}{name}-{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            try:
                manifest = _write(draft, settings, session, questions, progress)
                _publish(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    previous = current_name(settings.index_dir)
    if previous != name:
        _point(settings.index_dir, name)
        log.info("法规索引投入使用", index=name, before=previous)
    _sweep(settings.index_dir, keep={name, previous})
    return IndexReport(name, built, manifest["articles"], manifest["questions"])


def _write(
    folder: Path, settings: Settings, session: Session, questions: Sequence[EverydayQuestion], progress: Progress
) -> Manifest:
    """Write a whole index into `folder`, step by step, the manifest last."""
    old = current_name(settings.index_dir)
    previous = settings.index_dir / old if old else None
    facts = _intact(previous) if previous else None
    model = model_digest(settings)
    build = _Build(
        folder, previous if facts else None, facts is not None and facts["model"] == model,
        session, Embedding(settings.embedding_model), progress,
    )  # fmt: skip
    articles = _write_articles(build, {reference for question in questions for reference in question.articles})
    kept = _write_questions(build, questions, articles.places)
    cards = _write_cards(build, questions)
    made = {"model": model, "model_name": settings.embedding_model, "built_at": now().isoformat()}
    manifest = {**made, "articles": articles.total, "laws": articles.laws, "questions": kept, "cards": cards}
    progress("校验", 0, 1)
    seal(folder, manifest)
    progress("校验", 1, 1)
    return manifest


def _write_articles(build: _Build, wanted: set[tuple[str, str]]) -> _Articles:
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

        def read() -> Iterator[list[str]]:
            for some in _by_version(build.session, versions):
                texts: list[str] = []
                for version, rows in some:
                    laws.setdefault(version.law_id, version)
                    for row in rows:
                        if (version.short_name, row.number) in wanted:
                            place = _Place(articles.total + len(texts), row.text, version.promulgated)
                            articles.places[version.short_name, row.number].append(place)
                        texts.append(f"{version.short_name}\n{row.path}\n{row.text}")
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
                yield texts

        folder, before = build.folder / "articles", build.before("articles")
        origin = write_corpus(
            folder, before, read(), build.embedding,
            lambda done: build.progress("分词与向量", done, total),
            lambda done, postings: build.progress("词法索引", done, postings),
        )  # fmt: skip
    build.progress("向量索引", 0, 1)
    write_cells(folder, before.folder if before.same_model else None, origin, articles.national)
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
    build: _Build, questions: Sequence[EverydayQuestion], places: dict[tuple[str, str], list[_Place]]
) -> int:
    """Index the questions whose articles are in the record or that a card answers, and return how many those are."""
    asked_in: list[int] = []
    build.progress("常见问题", 0, len(questions))
    kept: list[str] = []
    starts, targets = [0], []
    for question in questions:
        found = [row for reference in question.articles for row in _reviewed_rows(question, reference, places)]
        if found or question.card:
            kept.append(question.text)
            asked_in.append(int(question.region))
            targets += found
            starts.append(len(targets))
    write_corpus(build.folder / "questions", build.before("questions"), [kept], build.embedding)
    np.save(build.folder / "target_starts.npy", np.asarray(starts, dtype=np.int32))
    np.save(build.folder / "targets.npy", np.asarray(targets, dtype=np.int32))
    np.save(build.folder / "question_region.npy", np.asarray(asked_in, dtype=np.int32))
    (build.folder / "questions.json").write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    build.progress("常见问题", len(questions), len(questions))
    return len(kept)


def _write_cards(build: _Build, questions: Sequence[EverydayQuestion]) -> int:
    """Index the cards whose questions are among `questions`, whole: questions, answer and gists. Return how many those are."""
    places = json.loads((build.folder / "questions.json").read_text(encoding="utf-8"))
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


def _intact(folder: Path) -> Manifest | None:
    """The manifest of a finished index that is as it was built; None where there is none."""
    try:
        return check(folder)
    except FileNotFoundError:
        return None
    except IndexMissing as error:
        log.warning("检索索引不能再用", index=folder.name, error=str(error))
        return None


def _publish(draft: Path, folder: Path) -> None:
    """Make sure that every byte is on disk, then give the finished folder its name."""
    for path in [*draft.rglob("*"), draft]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if folder.exists():  # damaged, or another process was first
        if _intact(folder) is not None:
            return
        folder.rename(draft.with_name(f"{draft.name}-damaged"))  # swept below; who has it open keeps it
    draft.rename(folder)


def _point(index_dir: Path, name: str) -> None:
    draft = index_dir / f"CURRENT.{os.getpid()}"
    with draft.open("w", encoding="ascii") as file:
        file.write(name + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(index_dir / "CURRENT")


def _sweep(index_dir: Path, keep: set[str | None]) -> None:
    """Remove what no process serves any more. The index before stays: others may still be about to open it."""
    for path in index_dir.iterdir():
        if path.is_dir():
            if path.name not in keep and not (
                path.name.startswith(_BUILDING) and _is_running(path.name.split("-")[-1])
            ):
                shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith("CURRENT.") and not _is_running(path.suffix[1:]):
            path.unlink(missing_ok=True)


def _is_running(process: str) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
