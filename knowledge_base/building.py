"""Building the search index: from the record into a folder named by its content, put in service in one step.

``index_dir/CURRENT`` holds the name of the folder in service. A build writes into a folder of its own, and only a
finished one gets its name and then CURRENT: a build killed at any moment leaves the old index in service.
"""

import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import today
from core.database import Database
from core.log import get_logger
from core.settings import Settings
from knowledge_base.dense import DenseIndex
from knowledge_base.embedding import Embedding, model_digest
from knowledge_base.index import IndexMissing, current_name
from knowledge_base.lexical import LexicalIndex
from knowledge_base.models import Article, Law, Version
from knowledge_base.questions import EverydayQuestion, load_questions

log = get_logger(__name__)

FORMAT = "3"  # raise it when the files, the tokens or what is indexed of an article change
Progress = Callable[[str, int, int], None]
NEVER = np.iinfo(np.int32).max
_BUILDING = ".building-"


@dataclass(frozen=True)
class IndexReport:
    """`name` of the index now in service; `built` is False where nothing had changed."""

    name: str
    built: bool
    articles: int
    questions: int


class _Place(NamedTuple):
    row: int
    text: str
    promulgated: date


def content_name(settings: Settings, session: Session, questions: Sequence[EverydayQuestion]) -> str:
    """The name of the index that the record, the model, the questions and this code call for."""
    digest = hashlib.sha256(f"{FORMAT}|{model_digest(settings)}\n".encode())
    rows = session.execute(
        select(Version.id, Version.digest, Version.effective_from, Version.ended_on, Version.notice, Law.region)
        .join(Law)
        .order_by(Version.id)
    )
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
    """Bring the index up to date with the record and put it in service; does nothing where it already is.

    `progress` hears the phase (Chinese), how much is done and how much there is. Raises IndexMissing for an empty
    record: an index that finds nothing must not displace one that does.
    """
    questions = load_questions() if questions is None else questions
    with database.read() as session:
        name = content_name(settings, session, questions)
        folder = settings.index_dir / name
        if not (folder / "manifest.json").is_file():
            settings.index_dir.mkdir(parents=True, exist_ok=True)
            draft = settings.index_dir / f"{_BUILDING}{name}-{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            try:
                old = current_name(settings.index_dir)
                previous_folder = settings.index_dir / old if old else None
                _write(draft, previous_folder, session, Embedding(settings.embedding_model), questions, progress)
                _sign(draft, settings)
                _publish(draft, folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
            built = True
        else:
            built = False
    previous = current_name(settings.index_dir)
    if previous != name:
        _point(settings.index_dir, name)
        log.info("法规索引投入使用", index=name, before=previous)
    _sweep(settings.index_dir, keep={name, previous})
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return IndexReport(name, built, manifest["articles"], manifest["questions"])


def _write(
    folder: Path,
    previous: Path | None,
    session: Session,
    embedding: Embedding,
    questions: Sequence[EverydayQuestion],
    progress: Progress,
) -> None:
    rows = session.execute(
        select(
            Article.id, Article.ordinal, Article.number, Article.path, Article.text,
            Version.promulgated, Version.effective_from, Version.ended_on, Version.notice,
            Law.id.label("law_id"), Law.name, Law.short_name, Law.rank, Law.region,
        )
        .join(Version, Article.version_id == Version.id)
        .join(Law, Version.law_id == Law.id)
        .order_by(Law.rank, Law.short_name, Law.id, Version.effective_from, Article.position)
    ).all()  # fmt: skip
    if not rows:
        raise IndexMissing("知识库里还没有法规，无法建立索引。请先导入法规。")
    laws: dict[UUID, int] = {}
    law_rows: list[tuple[str, str, str, str, str]] = []
    for row in rows:
        if row.law_id not in laws:
            laws[row.law_id] = len(laws)
            law_rows.append((str(row.law_id), row.name, row.short_name, row.rank, row.region))
    texts = [f"{row.short_name}\n{row.path}\n{row.text}" for row in rows]
    total = len(rows)
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    # Cutting words takes most of a build's time; where only the model or the questions changed it is spared.
    if previous is not None and _lexical_digest(previous) == digest:
        shutil.copytree(previous / "lexical", folder / "lexical")
    else:
        LexicalIndex.build(texts, lambda done: progress("分词与词法索引", done, total)).save(folder / "lexical")
    progress("分词与词法索引", total, total)
    vectors = embedding.encode(texts, lambda done, _: progress("向量索引", done, total))
    DenseIndex.build(vectors).save(folder / "dense.faiss")

    def write(name: str, values: Sequence[int], kind: type = np.int32) -> None:
        np.save(folder / f"{name}.npy", np.asarray(values, dtype=kind))

    np.save(
        folder / "article_ids.npy",
        np.frombuffer(b"".join(row.id.bytes for row in rows), dtype=np.uint8).reshape(-1, 16),
    )
    write("law", [laws[row.law_id] for row in rows])
    write("ordinal", [row.ordinal for row in rows])
    write("length", [len(row.text) for row in rows])
    write("effective_from", [row.effective_from.toordinal() for row in rows])
    write("ended_on", [row.ended_on.toordinal() if row.ended_on else NEVER for row in rows])
    write("region", [int(row.region) for row in rows])
    write("noticed", [bool(row.notice) for row in rows], np.bool_)
    (folder / "laws.json").write_text(json.dumps(law_rows, ensure_ascii=False), encoding="utf-8")

    progress("常见问题", 0, len(questions))
    places: dict[tuple[str, str], list[_Place]] = defaultdict(list)
    for position, row in enumerate(rows):
        places[row.short_name, row.number].append(_Place(position, row.text, row.promulgated))
    kept = _write_questions(folder, embedding, questions, places)
    progress("常见问题", len(questions), len(questions))
    manifest = {
        "format": FORMAT, "articles": total, "questions": kept, "texts": digest, "built_on": today().isoformat()
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _write_questions(
    folder: Path,
    embedding: Embedding,
    questions: Sequence[EverydayQuestion],
    places: dict[tuple[str, str], list[_Place]],
) -> int:
    """Index the questions whose articles are in the record, and return how many those are."""
    kept: list[str] = []
    starts, targets = [0], []
    for question in questions:
        found = [row for reference in question.articles for row in _reviewed_rows(question, reference, places)]
        if found:
            kept.append(question.text)
            targets += found
            starts.append(len(targets))
    LexicalIndex.build(kept).save(folder / "question_lexical")
    DenseIndex.build(embedding.encode(kept)).save(folder / "question_dense.faiss")
    np.save(folder / "target_starts.npy", np.asarray(starts, dtype=np.int32))
    np.save(folder / "targets.npy", np.asarray(targets, dtype=np.int32))
    (folder / "questions.json").write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    return len(kept)


def _sign(folder: Path, settings: Settings) -> None:
    """Note which model made the vectors: a question must be embedded by the same one."""
    (folder / "model.txt").write_text(model_digest(settings), encoding="utf-8")


def _lexical_digest(folder: Path) -> str | None:
    """Of which texts the lexical index in `folder` is; None where this code could not use it."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return manifest["texts"] if manifest["format"] == FORMAT else None


def _reviewed_rows(
    question: EverydayQuestion, reference: tuple[str, str], places: dict[tuple[str, str], list[_Place]]
) -> list[int]:
    """Rows of the article that whoever reviewed the question saw: of the version named, and others with the same words."""
    found, day = places.get(reference, []), dict(question.reviewed).get(reference[0])
    seen = {place.text for place in found if day is None or place.promulgated == day}
    return [place.row for place in found if place.text in seen]


def _publish(draft: Path, folder: Path) -> None:
    """Make sure that every byte is on disk, then give the finished folder its name."""
    for path in [*draft.rglob("*"), draft]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    if folder.exists():  # unfinished by a format of old, or another process was first
        if (folder / "manifest.json").is_file():
            return
        shutil.rmtree(folder)
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
        if path.is_dir() and path.name not in keep and not _is_being_built(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_being_built(path: Path) -> bool:
    if not path.name.startswith(_BUILDING):
        return False
    try:
        os.kill(int(path.name.rpartition("-")[2]), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
