"""Building the search index: from the record into a folder named by its content, put in service in one step.

``index_dir/CURRENT`` holds the name of the folder in service. A build writes into a folder of its own, and only a
finished one gets its name and then CURRENT: a build killed at any moment leaves the old index in service. The record is
read some thousand articles at a time, and what the index before has of an article that has not changed is taken over.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import now
from core.database import Database
from core.log import get_logger
from core.settings import Settings
from knowledge_base.cards.store import card_questions
from knowledge_base.embedding import Embedding, model_digest
from knowledge_base.index import current_name
from knowledge_base.integrity import FORMAT, IndexMissing, Manifest, check, seal
from knowledge_base.meaning import Meaning, local_vectors
from knowledge_base.models import Law, Version
from knowledge_base.questions import EverydayQuestion, learned_questions, load_questions
from knowledge_base.writing import Build, Progress, write_index

log = get_logger(__name__)

_BUILDING = ".building-"


@dataclass(frozen=True)
class IndexReport:
    """`name` of the index now in service; `built` is False where nothing had changed."""

    name: str
    built: bool
    articles: int
    questions: int


def all_questions(session: Session) -> list[EverydayQuestion]:
    """What is indexed as known questions: a card's are everyday questions that have an answer of their own."""
    return [*learned_questions(), *load_questions(), *card_questions(session)]


def content_name(settings: Settings, session: Session, questions: Sequence[EverydayQuestion]) -> str:
    """The name of the index that the record, the model, the questions and this code call for."""
    digest = hashlib.sha256(f"{FORMAT}|{model_digest(settings)}\n".encode())
    digest.update("".join(f"{path.name} {path.stat().st_size}\n" for path in local_vectors(settings)).encode())
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
    build = Build(
        folder, previous if facts else None, facts is not None and facts["model"] == model,
        session, Embedding(settings.embedding_model), Meaning(settings), progress,
    )  # fmt: skip
    written = write_index(build, questions)
    made = {"model": model, "model_name": settings.embedding_model, "built_at": now().isoformat()}
    manifest = {**made, **written._asdict()}
    progress("校验", 0, 1)
    seal(folder, manifest)
    progress("校验", 1, 1)
    return manifest


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
