"""Long work on the knowledge base, in a process of its own: one import and one build of the index at a time on this machine.

What a work is at stands in a file, so that every browser sees the same and a reload loses nothing; that it still goes on is a
lock on a file, which ends with the process, however it ends. `api.knowledge.work` is what runs in that process.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from core.clock import now
from core.ids import new_id
from core.log import get_logger
from core.settings import ROOT, Settings
from escalation.errors import Conflict

log = get_logger("api")

_TRIES, _BETWEEN_TRIES_SECONDS = 5, 0.05


class Kind(StrEnum):
    IMPORT = "import"
    BUILD = "build"


class Fate(BaseModel):
    """What became of one thing in an import."""

    where: str
    """The file."""
    what: str
    became: str
    """新收, 更新, 未变, 未收."""
    reason: str = ""


class Work(BaseModel):
    """One work and how far it has come."""

    id: str
    kind: Kind
    by: str
    """Who began it, by name."""
    actor: str
    """The same for the audit."""
    state: Literal["running", "done", "failed", "broken"] = "running"
    """broken: its process is gone without having said anything."""
    started_at: datetime
    finished_at: datetime | None = None
    phase: str = ""
    done: int = 0
    total: int = 0
    files: list[str] = Field(default_factory=list)
    region: str | None = None
    encode: bool = False
    """A build that first works out the vectors which are missing."""
    fates: list[Fate] = Field(default_factory=list)
    said: list[str] = Field(default_factory=list)
    """The result in words, the headline first."""
    error: str = ""

    @property
    def percent(self) -> int:
        return round(100 * self.done / self.total) if self.total else 0

    @property
    def waiting(self) -> list[str]:
        """The files that nothing has been said of yet."""
        known = {each.where for each in self.fates}
        return [each for each in self.files if each not in known]


class Works:
    """The works of one machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.home_dir / "work"

    def last(self, kind: Kind) -> Work | None:
        """The work under way, else the last one."""
        try:
            work = Work.model_validate_json(self._path(kind).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        if work.state == "running" and not self._going_on(kind):
            try:  # it may have ended between the two looks
                work = Work.model_validate_json(self._path(kind).read_bytes())
            except (FileNotFoundError, ValidationError):
                return None
            if work.state == "running":
                work.state = "broken"
        return work

    def uploads(self, work_id: str) -> Path:
        """Where the files of an import lie."""
        return self._folder / "uploads" / work_id

    def build(self, by: str, actor: str, *, encode: bool = False, then: Callable[[], object] = lambda: None) -> None:
        """Bring the index up to date; `then`: what follows. Raises Conflict while it is being built: that build sees what has
        come in since.
        """
        work = Work(id=str(new_id()), kind=Kind.BUILD, by=by, actor=actor, started_at=now(), encode=encode)
        self._start(work, "正在建立索引，完成后会自动检查有没有新的变化。", then)

    def take_in(self, files: Sequence[tuple[str, bytes]], region: str | None, by: str, actor: str) -> Work:
        """Import these files, (name, content) each. Raises Conflict while another import goes on."""
        work = Work(
            id=str(new_id()), kind=Kind.IMPORT, by=by, actor=actor, started_at=now(), files=[name for name, _ in files],
            region=region,
        )  # fmt: skip
        folder = self.uploads(work.id)
        for name, content in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            self._start(work, "另一次导入还没有结束，请等它结束后再导入。")
        except Conflict:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return work

    def save(self, work: Work) -> None:
        """Say how far a work has come. For its own process."""
        draft = self._path(work.kind).with_suffix(f".{os.getpid()}")
        draft.write_text(work.model_dump_json(), encoding="utf-8")
        draft.replace(self._path(work.kind))

    def _start(self, work: Work, otherwise: str, then: Callable[[], object] = lambda: None) -> None:
        lock = self._lock(work.kind)
        if lock is None:
            raise Conflict(otherwise)
        try:
            self.save(work)
            settings = self._settings.model_copy(update={"home": self._settings.home_dir})
            told = {"settings": settings.model_dump(mode="json"), "work": work.model_dump(mode="json"), "lock": lock}
            started = threading.Event()
            args = (work, json.dumps(told), lock, started, then)
            threading.Thread(target=self._attend, args=args, daemon=True, name=f"work {work.kind}").start()
            started.wait(10)
        finally:
            os.close(lock)  # the process has its own

    def _attend(self, work: Work, told: str, lock: int, started: threading.Event, then: Callable[[], object]) -> None:
        # The kernel ends a process that asked for it with the *thread* that made it: this one waits as long as it lives.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        try:
            command = [sys.executable, "-m", "api.knowledge.work"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(lock,), env=environment)  # noqa: S603
            started.set()
            process.communicate(told.encode())
            if process.returncode:
                log.error("后台工作中断", kind=str(work.kind), status=process.returncode)
            then()
        except OSError:
            log.exception("后台工作没有开始", kind=str(work.kind))
        except Exception:
            log.exception("后台工作以后的事没有做成", kind=str(work.kind))
        finally:
            started.set()

    def _lock(self, kind: Kind) -> int | None:
        """The lock, held by this process; None where another holds it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / f"{kind}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(_TRIES):  # somebody who only looks holds it for a moment
            if try_lock(lock):
                return lock
            time.sleep(_BETWEEN_TRIES_SECONDS)
        os.close(lock)
        return None

    def _going_on(self, kind: Kind) -> bool:
        try:
            with (self._folder / f"{kind}.lock").open("rb") as lock:
                return not try_lock(lock.fileno(), fcntl.LOCK_SH)
        except FileNotFoundError:
            return False

    def _path(self, kind: Kind) -> Path:
        return self._folder / f"{kind}.json"


def try_lock(lock: int, how: int = fcntl.LOCK_EX) -> bool:
    """Take the lock of an open file if nobody else has it."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
