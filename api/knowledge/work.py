"""The process of one work: ``python -m api.knowledge.work``, told by its standard input what to do. See `works`."""

import fcntl
import json
import os
import shutil
import sys
import time

from api.knowledge.works import Fate, Kind, Work, Works, try_lock
from core.clock import now
from core.database import Database
from core.log import configure, get_logger
from core.process import die_with_parent
from core.settings import Settings
from escalation.journal import audit
from knowledge_base.cards.store import review_cards
from knowledge_base.importing.drafts import ImportReport
from knowledge_base.importing.readers import read_files
from knowledge_base.importing.store import store
from knowledge_base.index import current_name
from knowledge_base.integrity import IndexMissing

log = get_logger("work")

_SAID_EVERY_SECONDS = 0.25


class _Progress:
    """Says how far the work has come: often enough to watch, seldom enough to cost nothing."""

    def __init__(self, works: Works, work: Work, report: ImportReport | None = None) -> None:
        self._works, self._work, self._report = works, work, report
        self._said_at = 0.0
        self._seen = [0, 0]

    def __call__(self, phase: str, done: int, total: int) -> None:
        fresh = phase != self._work.phase
        self._work.phase, self._work.done, self._work.total = phase, done, total
        self.look()
        if fresh or done == total or time.monotonic() - self._said_at >= _SAID_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._works.save(self._work)

    def look(self) -> None:
        """Take over what the report has come to say since."""
        if self._report is None:
            return
        taken, left = self._seen
        for outcome in self._report.outcomes[taken:]:
            self._work.fates.append(Fate(where=outcome.where, what=outcome.what, became=outcome.became))
        for each in self._report.left_out[left:]:
            self._work.fates.append(Fate(where=each.where, what=each.what, became="未收", reason=each.reason))
        self._seen = [len(self._report.outcomes), len(self._report.left_out)]


def _import(works: Works, work: Work, database: Database) -> None:
    report = ImportReport("上传的文件")
    progress = _Progress(works, work, report)
    folder = works.uploads(work.id)
    try:
        files = [folder / name for name in work.files]
        store(database, read_files(files, report, progress, region=work.region, root=folder), report, progress)
        progress("核对卡片", 0, 1)
        with database.write() as session:
            report.withdrawn = review_cards(session)
            audit(
                session, work.actor, "laws_imported", work.id, taken=report.taken, updated=report.updated,
                unchanged=report.unchanged, left_out=len(report.left_out), withdrawn=len(report.withdrawn),
            )  # fmt: skip
        progress("核对卡片", 1, 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # The rest of the report: what was left out stands with its file already.
    rest = [line.strip() for line in str(report).splitlines()[1:] if not line.startswith("  未收 ")]
    work.said = [report.headline(), *rest]


def _build(works: Works, work: Work, database: Database, settings: Settings, lock: int) -> None:
    from knowledge_base.building import all_questions, build_index, content_name
    from knowledge_base.meaning import encode_articles, missing_articles

    progress = _Progress(works, work)
    if work.encode:
        progress("核对语义向量", 0, 1)
        missing = missing_articles(settings, database)
        encode_articles(settings, missing, lambda done, total: progress("计算语义向量", done, total))
    while True:
        report = build_index(settings, database, progress)
        became = "索引已建好" if report.built else "索引没有变化"
        work.said = [f"{became}：{report.articles} 条，{report.questions} 个常见问题。"]
        work.state, work.finished_at = "done", now()
        works.save(work)
        # Whoever publishes while this goes on starts nothing new: what they published is this process's business, up to
        # the moment at which it lets go of the lock; after that it is their own.
        fcntl.flock(lock, fcntl.LOCK_UN)
        with database.read() as session:
            if content_name(settings, session, all_questions(session)) == current_name(settings.index_dir):
                return
        if not try_lock(lock):
            return
        work.state, work.finished_at = "running", None


def main() -> None:
    """Do the work and say what came of it."""
    told = json.loads(sys.stdin.read())
    die_with_parent()
    os.nice(10)  # citizens come first
    settings, work = Settings.model_validate(told["settings"]), Work.model_validate(told["work"])
    configure(settings, "work")
    works, database = Works(settings), Database(settings.sql_url)
    try:
        if work.kind is Kind.IMPORT:
            _import(works, work, database)
        else:
            _build(works, work, database, settings, told["lock"])
        work.state = "done"
    except IndexMissing as error:
        work.state, work.error = "failed", str(error)
    except Exception:
        log.exception("后台工作失败", kind=str(work.kind))
        work.state, work.error = "failed", "服务出了问题，没有做完；已经做好的部分保留。请稍后再试，详情见服务日志。"
    finally:
        database.dispose()
        last = works.last(work.kind)
        if last is None or last.id == work.id:  # else another has begun since
            work.finished_at = now()
            works.save(work)


if __name__ == "__main__":
    main()
