"""Going over the audit chain: every row against its hash and its neighbours, every seal against its key and its row.

A fault is named as what was most likely done, for the person who must look into it: hashes show which rows still belong together,
and so where something was taken out, put in or moved. What no hash can tell apart is said as it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import local
from core.database import Database, database_now
from escalation.chain import GENESIS, Head, Link, digest, links
from escalation.journal import audit
from escalation.models import AuditRow, AuditSeal
from escalation.seals import Seal, as_seal, read_seals

CHAINED_WITHIN = timedelta(minutes=1)

_SUSPECTS = 64
_RENUMBERED_BY = 1000
_PROGRESS_EVERY = 1000


class Kind(StrEnum):
    """What can be wrong, with its name for people as value."""

    CHANGED = "内容被改"
    REMOVED = "记录被删"
    INSERTED = "多出记录"
    ORDER = "次序被换"
    GAP = "编号有缺"
    TAIL = "尾部被截"
    SEAL = "与封条不符"
    FORGED = "封条有假"
    SEAL_LOST = "封条不见"


class Fault(NamedTuple):
    """The first of its kind: where in the chain, the row's id where there is one, and what is wrong in a Chinese sentence."""

    kind: Kind
    position: int
    row_id: int | None
    text: str


@dataclass
class Report:
    """What was found. It is sound when there is no fault; warnings are for somebody to look at."""

    rows: int = 0
    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    seals: int = 0
    """How many genuine seals there are, each counted once."""
    faults: dict[Kind, Fault] = field(default_factory=dict)
    counts: Counter[Kind] = field(default_factory=Counter)
    waiting: int = 0
    """Rows that are not chained yet."""
    waiting_since: datetime | None = None
    warnings: list[str] = field(default_factory=list)

    def add(self, kind: Kind, position: int, row_id: int | None, text: str) -> None:
        self.counts[kind] += 1
        if kind not in self.faults or position < self.faults[kind].position:
            self.faults[kind] = Fault(kind, position, row_id, text)


def verify(
    database: Database, key: bytes, seals_file: Path, progress: Callable[[int], None] = lambda _: None
) -> Report:
    """Check the whole chain. `key` is that of the seals (`seals.seal_key`); `progress` hears how many rows are done.

    Memory holds the seals (one for 1,000 rows or an hour: some 90,000 in ten years) and a page of rows. The service may go on
    writing meanwhile: seals are read before the rows that they stand under.
    """
    report = Report()
    seals = _read_all_seals(database, key, seals_file, report)
    walk = _Walk(report, seals)
    for link in links(database):
        walk.take(link)
        if report.rows % _PROGRESS_EVERY == 0:
            progress(report.rows)
    walk.finish()
    progress(report.rows)
    _look_at_waiting(database, report)
    return report


def record_check(session: Session, report: Report, actor: str) -> None:
    """That somebody checked, and what was found: the next one sees when the chain was last known to be whole."""
    found = [f"{each.kind}：{each.text}" for each in sorted(report.faults.values(), key=lambda each: each.position)]
    audit(
        session, actor, "verify_audit", "audit", rows=report.rows, seals=report.seals, position=report.head.position,
        faults=found, warnings=report.warnings,
    )  # fmt: skip


Seals = dict[int, list[tuple[str, str]]]
"""By position: (hash, where the seal is kept) of every genuine one."""


def _read_all_seals(database: Database, key: bytes, seals_file: Path, report: Report) -> Seals:
    try:
        in_file, unreadable = read_seals(seals_file)
    except FileNotFoundError:
        in_file, unreadable = [], []
        report.warnings.append(f"没有封条文件 {seals_file}，尾部只能靠数据库里的封条核对。")
    with database.read() as session:
        in_table = [
            as_seal(row) for row in session.execute(select(AuditSeal).execution_options(yield_per=1000)).scalars()
        ]
    for number in unreadable:
        report.add(Kind.FORGED, 0, None, f"封条文件第 {number} 行不是封条。")
    kept: Seals = defaultdict(list)
    for place, seals in (("封条文件", in_file), ("数据库", in_table)):
        for seal in seals:
            if seal.genuine(key):
                kept[seal.position].append((seal.hash, place))
            else:
                text = f"{place}里第 {seal.position} 条处的封条不是用本系统的主密钥封的：封条是假的，或主密钥换过。"
                report.add(Kind.FORGED, seal.position, None, text)
    _compare(in_file, in_table, report)
    report.seals = len(kept)
    return kept


def _compare(in_file: list[Seal], in_table: list[Seal], report: Report) -> None:
    """Every seal in the file was in the table first."""
    held = {seal.position for seal in in_table}
    for seal in in_file:
        if seal.position not in held:
            report.add(
                Kind.SEAL_LOST, seal.position, None, f"第 {seal.position} 条处的封条在封条文件里有，数据库里没有。"
            )


def _look_at_waiting(database: Database, report: Report) -> None:
    with database.read() as session:
        statement = select(func.count(), func.min(AuditRow.at)).where(AuditRow.position.is_(None))
        report.waiting, report.waiting_since = session.execute(statement).one()
        now = database_now(session)
    if report.waiting_since is not None and now - report.waiting_since > CHAINED_WITHIN:
        since = f"{local(report.waiting_since):%Y-%m-%d %H:%M:%S}"
        report.warnings.append(
            f"有 {report.waiting} 条记录还没有编入审计链，最早的一条写于 {since}。请看分发进程是否在运行。"
        )


class _Suspect(NamedTuple):
    """A row that does not fit where it stands."""

    place: int
    """Its position, as it was before rows were renumbered."""
    before: str
    link: Link


class _Walk:
    """One walk along the chain, remembering little: the row before, and the first rows that did not fit."""

    def __init__(self, report: Report, seals: Seals) -> None:
        self.report = report
        self.seals = seals
        self._last, self._before = Head(0, GENESIS)
        self._shift = 0
        """How far rows stand from where they were chained, since somebody took some out (or put some in) and renumbered."""
        self._suspects: list[_Suspect] = []

    def take(self, link: Link) -> None:
        self.report.rows += 1
        skipped = link.position - self._last - 1
        if skipped < 0:
            text = f"第 {link.position} 条（id {link.id}）的编号是重复的，或小于 1。"
            self.report.add(Kind.INSERTED, link.position, link.id, text)
            return
        fits = _fits(link, link.position + self._shift, self._before)
        if skipped:
            self._skipped(link, skipped, fits)
        elif not fits:
            self._doubt(link)
        self._check_seals(link)
        self._last, self._before = link.position, link.hash

    def finish(self) -> None:
        self._settle()
        self.report.head = Head(self._last, self._before)
        newest = max(self.seals, default=0)
        chained = self._last + self._shift
        if newest > chained:
            where = "、".join(sorted({place for _, place in self.seals[newest]}))
            text = f"第 {chained + 1} 到 {newest} 条不见了：{where}里的封条说明曾有 {newest} 条，现在只到第 {chained} 条（恢复过旧备份也会这样）。"
            self.report.add(Kind.TAIL, chained + 1, None, text)

    def _skipped(self, link: Link, skipped: int, fits: bool) -> None:
        first = self._last + 1
        where = f"第 {first} 条" if skipped == 1 else f"第 {first} 到 {link.position - 1} 条"
        if fits:
            self.report.add(
                Kind.GAP, first, link.id, f"没有{where}，但前后的指纹相接：编号被改过，或这一段被重新算过。"
            )
        else:
            self.report.add(Kind.REMOVED, first, link.id, f"{where}被删掉了（后面一条的 id 是 {link.id}）。")

    def _doubt(self, link: Link) -> None:
        if len(self._suspects) >= _SUSPECTS:
            self._changed(link)
            return
        run_on = self._suspects and self._suspects[-1].link.position == link.position - 1
        moved = self._renumbered(link) if run_on else 0
        if moved:
            self._renumber(moved)
        else:
            self._suspects.append(_Suspect(link.position + self._shift, self._before, link))

    def _renumbered(self, link: Link) -> int:
        """How many rows before this one were taken out (or put in, negative), if it still follows the row before; else 0."""
        here = link.position + self._shift
        for distance in range(1, _RENUMBERED_BY + 1):
            for moved in (distance, -distance):
                if _fits(link, here + moved, self._before):
                    return moved
        return 0

    def _renumber(self, moved: int) -> None:
        """The last suspect is the first that was renumbered; rows put in stand right before it."""
        at = self._suspects[-1].link
        first = at.position + min(moved, 0)
        while self._suspects and self._suspects[-1].link.position >= first:
            self._suspects.pop()
        self._shift += moved
        if moved > 0:
            text = f"第 {at.position} 条（id {at.id}）之前被删掉了 {moved} 条，后面的编号被往前挪过。"
            self.report.add(Kind.REMOVED, at.position, at.id, text)
        else:
            text = f"第 {at.position} 条（id {at.id}）之前被加进了 {-moved} 条，后面的编号被往后挪过。"
            self.report.add(Kind.INSERTED, first, None, text)

    def _settle(self) -> None:
        """Does a row that does not fit in its place fit in another's? Then rows were moved, and those after them are innocent."""
        before: dict[int, str] = {}
        for stands in self._suspects:
            preceding = before.get(stands.place, stands.before)
            belongs = next((each for each in self._suspects if _belongs(each, stands, preceding)), None)
            if belongs is None or belongs.link.entry is None:
                self._changed(stands.link)
                continue
            before[stands.place + 1] = digest(belongs.link.entry, stands.place, preceding)
            if belongs is not stands:
                text = f"第 {stands.link.position} 条本来是 id {belongs.link.id}，现在是 id {stands.link.id}：记录被调换过。"
                self.report.add(Kind.ORDER, stands.link.position, stands.link.id, text)

    def _changed(self, link: Link) -> None:
        what = "内容与指纹对不上：这一条被改过，或前一条连同指纹一起被改过"
        if link.entry is None:
            what = "内容被改得读不出了"
        self.report.add(Kind.CHANGED, link.position, link.id, f"第 {link.position} 条（id {link.id}）{what}。")

    def _check_seals(self, link: Link) -> None:
        for hashed, place in self.seals.get(link.position + self._shift, ()):
            if hashed != link.hash:
                text = f"第 {link.position} 条（id {link.id}）与{place}里的封条不符：从上一个封条到这里有记录被改过，又重新算了指纹。"
                self.report.add(Kind.SEAL, link.position, link.id, text)


def _fits(link: Link, place: int, before: str) -> bool:
    return _would_hash(link, place, before) == link.hash


def _belongs(suspect: _Suspect, stands: _Suspect, before: str) -> bool:
    """Whether a suspect's row is the one that was chained in another's place. Its hash may have been moved with it or not."""
    return _would_hash(suspect.link, stands.place, before) in (suspect.link.hash, stands.link.hash)


def _would_hash(link: Link, place: int, before: str) -> str | None:
    """The row's hash in that place; None where its content is none that was ever chained."""
    if link.entry is None:
        return None
    try:
        return digest(link.entry, place, before)
    except (ValueError, TypeError, AttributeError):
        return None
