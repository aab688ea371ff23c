"""The audit chain: one, unbroken, whoever writes and chains at once; and whatever is done to it afterwards is found and named."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from factories import wait_until
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update
from typer.testing import CliRunner

from core import clock
from core.database import Database
from core.settings import Settings, get_settings
from escalation import seals
from escalation.chain import GENESIS, Entry, canonical, chain_rows, digest, links
from escalation.chain_check import Kind, Report, verify
from escalation.journal import audit
from escalation.models import AuditRow, AuditSeal
from wenfa.cli import app
from wenfa.database import upgrade

KEY = b"k" * 32

# SQLite has one writer: nobody commits late there. PostgreSQL lets no broken JSON in.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Chain:
    """A database with its file of seals, and what a test does to them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.file = folder / "audit-seals.jsonl"

    def write(self, rows: int, actor: str = "staff:1") -> None:
        with self.database.write() as session:
            for number in range(rows):
                audit(session, actor, "do_something", f"subject {number}", number=number, text="押金")

    def keep(self) -> None:
        while seals.keep_chain(self.database, KEY, self.file):
            pass

    def seal_now(self) -> None:
        clock.advance(3601)
        self.keep()

    def verify(self, key: bytes = KEY) -> Report:
        return verify(self.database, key, self.file)

    def faults(self) -> dict[Kind, int]:
        """The first position of each kind of fault."""
        return {kind: fault.position for kind, fault in self.verify().faults.items()}

    def entry(self, position: int) -> Entry:
        return next(link.entry for link in links(self.database) if link.position == position and link.entry)

    def hash_of(self, position: int) -> str:
        return next(link.hash for link in links(self.database) if link.position == position)

    def change(self, position: int, **values: Any) -> None:
        with self.database.write() as session:
            session.execute(update(AuditRow).where(AuditRow.position == position).values(**values))

    def remove(self, first: int, last: int) -> None:
        with self.database.write() as session:
            session.execute(delete(AuditRow).where(AuditRow.position.between(first, last)))

    def renumber(self, first: int, by: int) -> None:
        """As somebody would who knows about the unique constraint."""
        with self.database.write() as session:
            session.execute(update(AuditRow).where(AuditRow.position >= first).values(position=-AuditRow.position - by))
            session.execute(update(AuditRow).where(AuditRow.position < 0).values(position=-AuditRow.position))

    def rehash(self, first: int) -> None:
        """What somebody can do who may write to the database and knows how the chain is made, but has no key."""
        before = self.hash_of(first - 1) if first > 1 else GENESIS
        with self.database.write() as session:
            for link in list(links_in(session, first)):
                entry = Entry(link.id, link.at, link.actor, link.verb, link.subject, link.detail)
                before = link.hash = digest(entry, link.position or 0, before)


def links_in(session: Any, first: int) -> list[AuditRow]:
    rows = select(AuditRow).where(AuditRow.position >= first).order_by(AuditRow.position)
    return list(session.execute(rows).scalars())


@pytest.fixture
def chain(database: Database, tmp_path: Path) -> Chain:
    return Chain(database, tmp_path)


@pytest.fixture
def sealed(chain: Chain) -> Chain:
    """20 rows with seals under the 10th and the 20th."""
    for _ in range(2):
        chain.write(10)
        chain.seal_now()
    report = chain.verify()
    assert (report.rows, report.seals, report.faults, report.warnings) == (20, 2, {}, [])
    return chain


def test_rows_written_by_many_while_two_chain_make_one_chain(chain: Chain) -> None:
    done = threading.Event()

    def write(writer: int) -> None:
        for _ in range(25):
            chain.write(2, actor=f"writer:{writer}")

    def keep() -> None:
        while not done.is_set():
            seals.keep_chain(chain.database, KEY, chain.file)

    with ThreadPoolExecutor(12) as pool:
        chainers = [pool.submit(keep) for _ in range(2)]
        for each in [pool.submit(write, number) for number in range(10)]:
            each.result()
        done.set()
        for each in chainers:
            each.result()
    chain.keep()
    report = chain.verify()
    assert (report.rows, report.head.position, report.waiting, report.faults) == (500, 500, 0, {})
    with chain.database.read() as session:
        assert session.execute(select(func.count(func.distinct(AuditRow.position)))).scalar() == 500


@on_postgresql
def test_a_row_committed_late_comes_later_in_the_chain(database: Database, tmp_path: Path) -> None:
    chain = Chain(database, tmp_path)
    with database.write() as late:
        audit(late, "late", "do_something", "x")
        late.flush()
        chain.write(3)
        chain.keep()
    chain.keep()
    assert [(link.position, link.entry.actor) for link in links(database) if link.entry][-1] == (4, "late")
    assert chain.entry(4).id < chain.entry(1).id
    assert chain.faults() == {}


@on_postgresql
def test_only_one_chains_at_a_time(chain: Chain) -> None:
    chain.write(3)
    with chain.database.write() as first, chain.database.write() as second:
        assert chain_rows(first, 2) == 2
        assert chain_rows(second) == 0
        assert seals.seal(second, KEY) is None
    chain.keep()
    assert chain.faults() == {}
    assert chain.verify().rows == 3


def test_the_dispatcher_keeps_the_chain_beside_its_other_work(database: Database, settings: Settings) -> None:
    chain = Chain(database, settings.home_dir)
    stop = threading.Event()
    thread = threading.Thread(target=seals.chain_keeper(database, settings), args=(stop,))
    thread.start()
    chain.write(1500)
    wait_until(lambda: chain_length(database) == 1500, "the rows are not chained")
    stop.set()
    thread.join()
    report = verify(database, seals.seal_key(settings), seals.seals_path(settings))
    assert (report.rows, report.seals > 0, report.faults, report.warnings) == (1500, True, {}, [])


def test_a_seal_comes_with_1000_rows_or_an_hour_and_never_without_rows(chain: Chain) -> None:
    def sealed_at() -> list[int]:
        chain.keep()
        return [each.position for each in seals.read_seals(chain.file).seals]

    chain.write(1)
    assert sealed_at() == [1]
    chain.write(999)
    assert sealed_at() == [1]
    chain.write(1)
    assert sealed_at() == [1, 1001]
    chain.write(1)
    clock.advance(3599)
    assert sealed_at() == [1, 1001]
    clock.advance(2)
    assert sealed_at() == [1, 1001, 1002]
    clock.advance(7200)
    assert sealed_at() == [1, 1001, 1002]
    assert chain.file.stat().st_mode & 0o777 == 0o600
    assert chain.faults() == {}


def test_the_file_of_seals_heals_after_a_crash(sealed: Chain) -> None:
    """Killed between commit and copy, or in the middle of a line."""
    whole = sealed.file.read_bytes()
    sealed.file.write_bytes(whole[:-30])
    assert sealed.faults() == {}
    sealed.keep()
    assert sealed.file.read_bytes() == whole
    sealed.file.unlink()
    assert "没有封条文件" in sealed.verify().warnings[0]
    sealed.keep()
    assert sealed.file.read_bytes() == whole


@pytest.mark.parametrize(
    "values",
    [{"detail": {"number": 5, "text": "押金。"}}, {"actor": "staff:2"}, {"verb": "x"}, {"subject": "y"},
     {"at": datetime(2020, 1, 1, tzinfo=UTC)}, {"hash": "0" * 64}, {"hash": None}, {"id": 10_000}],
    ids=lambda values: next(iter(values)),
)  # fmt: skip
def test_a_changed_row_is_found(sealed: Chain, values: dict[str, Any]) -> None:
    sealed.change(6, **values)
    assert sealed.faults()[Kind.CHANGED] == 6
    fault = sealed.verify().faults[Kind.CHANGED]
    assert "第 6 条" in fault.text
    assert fault.row_id == sealed.verify().faults[Kind.CHANGED].row_id


def test_every_changed_row_is_counted_and_the_first_is_named(sealed: Chain) -> None:
    for position in (15, 3, 4, 18):
        sealed.change(position, actor="somebody else")
    report = sealed.verify()
    assert (report.faults[Kind.CHANGED].position, report.counts[Kind.CHANGED]) == (3, 4)
    assert set(report.faults) == {Kind.CHANGED}


@on_sqlite
def test_a_row_that_cannot_be_read_any_more_is_named(sealed: Chain) -> None:
    with sealed.database.write() as session:
        session.execute(text("UPDATE audit SET detail = '{broken' WHERE position = 4"))
        session.execute(text("UPDATE audit SET at = 'yesterday' WHERE position = 9"))
        session.execute(text("UPDATE audit SET actor = x'ff' WHERE position = 12"))
    report = sealed.verify()
    assert (report.faults[Kind.CHANGED].position, report.counts[Kind.CHANGED], report.rows) == (4, 3, 20)
    assert "读不出" in report.faults[Kind.CHANGED].text


def test_a_row_changed_with_all_hashes_after_it_is_found_by_the_seal(sealed: Chain) -> None:
    sealed.change(6, actor="somebody else")
    sealed.rehash(6)
    assert sealed.faults() == {Kind.SEAL: 10}
    assert sealed.verify().counts[Kind.SEAL] == 4, "two seals, each in the table and in the file"


def test_a_deleted_row_is_found(sealed: Chain) -> None:
    sealed.remove(7, 8)
    report = sealed.verify()
    assert set(report.faults) == {Kind.REMOVED}
    fault = report.faults[Kind.REMOVED]
    assert (fault.position, fault.row_id) == (7, sealed.entry(9).id)
    assert "第 7 到 8 条" in fault.text


def test_a_deleted_first_row_is_found(sealed: Chain) -> None:
    sealed.remove(1, 1)
    assert sealed.faults() == {Kind.REMOVED: 1}


def test_a_deleted_row_is_found_though_those_after_it_were_renumbered(sealed: Chain) -> None:
    row = sealed.entry(9).id
    sealed.remove(7, 8)
    sealed.renumber(9, by=-2)
    report = sealed.verify()
    assert set(report.faults) == {Kind.REMOVED}
    assert (report.faults[Kind.REMOVED].position, report.faults[Kind.REMOVED].row_id) == (7, row)
    assert "2 条" in report.faults[Kind.REMOVED].text


def test_a_gap_in_the_numbers_alone_is_told_from_a_deleted_row(chain: Chain) -> None:
    chain.write(10)
    chain.keep()
    with chain.database.write() as session:
        session.execute(delete(AuditSeal))
    chain.file.unlink()
    chain.renumber(6, by=3)
    chain.rehash(6)
    assert chain.faults() == {Kind.GAP: 6}


@pytest.mark.parametrize(("one", "other"), [(5, 6), (5, 9), (10, 20), (1, 2)])
@pytest.mark.parametrize("columns", [["position"], ["position", "hash"]], ids=["moved with their hashes", "without"])
def test_a_swapped_pair_is_found(sealed: Chain, one: int, other: int, columns: list[str]) -> None:
    with sealed.database.write() as session:
        rows = {row.position: row for row in links_in(session, 1)}
        left, right = rows[one], rows[other]
        hashes = left.hash, right.hash
        left.position = None
        session.flush()
        right.position = one
        session.flush()
        left.position = other
        if "hash" in columns:
            right.hash, left.hash = hashes
    report = sealed.verify()
    assert report.faults[Kind.ORDER].position == one
    assert Kind.CHANGED not in report.faults
    assert (report.counts[Kind.ORDER], report.rows) == (2, 20)


def test_a_deleted_tail_is_found_by_the_table_alone(sealed: Chain) -> None:
    sealed.file.unlink()
    sealed.remove(18, 20)
    report = sealed.verify()
    assert set(report.faults) == {Kind.TAIL}
    assert "第 18 到 20 条" in report.faults[Kind.TAIL].text


@pytest.mark.parametrize("left", [0, 10, 17])
def test_a_deleted_tail_is_found_though_the_seals_in_the_table_went_with_it(sealed: Chain, left: int) -> None:
    sealed.remove(left + 1, 20)
    with sealed.database.write() as session:
        session.execute(delete(AuditSeal).where(AuditSeal.position > left))
    faults = sealed.faults()
    assert faults[Kind.TAIL] == left + 1
    assert faults[Kind.SEAL_LOST] == (20 if left >= 10 else 10)


def test_a_deleted_tail_is_found_though_the_chain_has_gone_on(sealed: Chain) -> None:
    sealed.remove(15, 20)
    with sealed.database.write() as session:
        session.execute(delete(AuditSeal).where(AuditSeal.position > 14))
    sealed.write(10)
    sealed.seal_now()
    faults = sealed.faults()
    assert (faults[Kind.SEAL], faults[Kind.SEAL_LOST]) == (20, 20)


def test_a_forged_seal_is_found(sealed: Chain) -> None:
    """A chain computed anew with seals made to match: whoever did it had no key."""
    sealed.change(6, actor="somebody else")
    sealed.rehash(6)
    with sealed.database.write() as session:
        for position in (10, 20):
            forged = session.get_one(AuditSeal, position)
            forged.hash = sealed.hash_of(position)
    faults = sealed.faults()
    assert (faults[Kind.FORGED], faults[Kind.SEAL]) == (10, 10)
    text = sealed.verify().faults[Kind.FORGED].text
    assert "数据库" in text


def test_a_forged_line_in_the_file_is_found(sealed: Chain) -> None:
    lines = sealed.file.read_text().splitlines(keepends=True)
    sealed.file.write_text(lines[0].replace('"mac":"', '"mac":"0').replace("Z", "z") + "什么\n" + lines[1])
    report = sealed.verify()
    assert report.counts[Kind.FORGED] == 2
    sealed.file.write_text(lines[0].replace('"position":10', '"position":11') + lines[1])
    assert sealed.faults()[Kind.FORGED] == 11


def test_another_key_fits_no_seal(sealed: Chain) -> None:
    assert sealed.verify(b"another key").faults[Kind.FORGED].position == 10


@pytest.mark.parametrize("correct_hash", [True, False])
def test_an_inserted_row_is_found(sealed: Chain, correct_hash: bool) -> None:
    """Those after it moved on by one; its own hash following that before it, or any."""
    sealed.renumber(8, by=1)
    now = clock.now()
    with sealed.database.write() as session:
        row = AuditRow(at=now, actor="nobody", verb="x", subject="y", detail={}, position=8, hash="0" * 64)
        session.add(row)
        session.flush()
        if correct_hash:
            row.hash = digest(Entry(row.id, now, "nobody", "x", "y", {}), 8, sealed.hash_of(7))
    report = sealed.verify()
    assert set(report.faults) == {Kind.INSERTED}
    assert report.faults[Kind.INSERTED].position == 8


def test_a_row_at_a_place_that_is_none_is_found(sealed: Chain) -> None:
    with sealed.database.write() as session:
        session.add(AuditRow(at=clock.now(), actor="nobody", verb="x", subject="y", position=0, hash="0" * 64))
    assert sealed.faults() == {Kind.INSERTED: 0}


def test_rows_that_nobody_chains_are_warned_of_after_a_minute(sealed: Chain) -> None:
    sealed.write(3)
    report = sealed.verify()
    assert (report.waiting, report.warnings) == (3, [])
    clock.advance(61)
    report = sealed.verify()
    assert "3 条" in report.warnings[0]
    assert report.faults == {}


_KILLED = """
import sys
from pathlib import Path

from core.database import Database
from escalation import chain, seals

database = Database(sys.argv[1])
print("ready", flush=True)
while True:
    with database.write() as session:
        chain.chain_rows(session, 10)
        seals.seal(session, b"k" * 32)
    seals.copy_seals(database, Path(sys.argv[2]))
"""


def test_a_chainer_killed_in_the_middle_leaves_a_chain_that_goes_on(chain: Chain) -> None:
    url = chain.database.engine.url.render_as_string(hide_password=False)
    chain.write(2000)
    for _ in range(3):
        start = chain_length(chain.database)
        process = subprocess.Popen([sys.executable, "-c", _KILLED, url, str(chain.file)], stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            wait_until(lambda start=start: chain_length(chain.database) > start, "nothing is chained")
            process.kill()
        assert chain.verify().faults == {}
    assert chain.verify().waiting > 0, "none was killed in the middle"
    chain.keep()
    report = chain.verify()
    assert (report.rows, report.waiting, report.faults) == (2000, 0, {})


def chain_length(database: Database) -> int:
    with database.read() as session:
        return session.execute(select(func.max(AuditRow.position))).scalar() or 0


def test_every_column_of_a_row_is_in_its_hash() -> None:
    columns = {column.name for column in AuditRow.__table__.columns}
    assert columns - {"position", "hash"} == set(Entry._fields)
    entry = Entry(
        7, datetime(2026, 11, 22, 13, 30, tzinfo=clock.SHANGHAI), "甲", "问", "x", {"b": 1.0, "a": [1e22, 0.1]}
    )
    assert canonical(entry, 3, "00") == (
        '{"actor":"甲","at":"2026-11-22T05:30:00.000000Z","before":"00",'
        '"detail":{"a":[10000000000000000000000,0.1],"b":1},"id":7,"position":3,"subject":"x","verb":"问"}'
    )


_words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
_numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | _numbers | _words,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(_words, each, max_size=4),
    max_leaves=10,
)
_moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda each: each.replace(tzinfo=UTC))


@pytest.fixture(scope="module")
def sqlite_and_postgresql(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Database]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('chain') / 'wenfa.db'}"
    maintenance = Database(postgresql)
    with maintenance.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CREATE DATABASE chain")
    maintenance.dispose()
    both = [Database(url), Database(postgresql.replace("/postgres?", "/chain?"))]
    for each in both:
        upgrade(each)
    yield both
    for each in both:
        each.dispose()


@trials(max_examples=150, deadline=None)
@given(at=_moments, words=st.tuples(_words, _words, _words), detail=st.dictionaries(_words, _json, max_size=5))
def test_a_row_hashes_the_same_from_sqlite_and_postgresql(
    sqlite_and_postgresql: list[Database], at: datetime, words: tuple[str, str, str], detail: dict[str, Any]
) -> None:
    written = Entry(1, at, *words, detail)
    hashes = {digest(written, 5, GENESIS)}
    for database in sqlite_and_postgresql:
        with database.write() as session:
            session.execute(delete(AuditRow))
            session.add(AuditRow(**written._asdict(), position=5))
        hashes |= {digest(link.entry, 5, GENESIS) for link in links(database) if link.entry}
    assert len(hashes) == 1


@pytest.fixture
def command(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, str]]]:
    monkeypatch.setenv("WENFA_HOME", str(settings.home_dir))
    monkeypatch.setenv("WENFA_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    get_settings.cache_clear()

    def run(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, ["audit", *arguments])
        return found.exit_code, found.output.replace("\n", "")

    yield run
    get_settings.cache_clear()


def test_the_command_says_what_is_wrong_and_where(
    command: Callable[..., tuple[int, str]], database: Database, settings: Settings, tmp_path: Path
) -> None:
    chain = Chain(database, tmp_path)
    chain.write(12)
    seals.keep_chain(database, seals.seal_key(settings), seals.seals_path(settings))
    code, said = command("verify")
    assert (code, "已核对 12 条审计记录、1 个封条" in said, "没有发现问题" in said) == (0, True, True)
    chain.remove(3, 3)
    chain.change(8, detail={})
    chain.remove(12, 12)
    code, said = command("verify")
    assert code == 1
    for part in ("记录被删：第 3 条被删掉了", "内容被改：第 8 条", "尾部被截：第 12 到 12 条不见了"):
        assert part in said


def test_an_export_can_be_checked_with_sha256_alone(
    command: Callable[..., tuple[int, str]], database: Database, settings: Settings, tmp_path: Path
) -> None:
    Chain(database, tmp_path).write(30)
    seals.keep_chain(database, seals.seal_key(settings), seals.seals_path(settings))
    file = tmp_path / "copy.jsonl"
    assert command("export", str(file))[0] == 0
    before = GENESIS
    for position, line in enumerate(file.read_bytes().splitlines(), 1):
        row = json.loads(line)
        assert (row["position"], row["before"]) == (position, before)
        assert hashlib.sha256(line[:-75] + b"}").hexdigest() == row["hash"]
        before = row["hash"]
    assert position == 30
    assert file.stat().st_mode & 0o777 == 0o600
    with database.read() as session:
        last = session.execute(select(AuditRow).order_by(AuditRow.id.desc()).limit(1)).scalar_one()
    assert (last.verb, last.detail) == ("export_audit", {"rows": 30})
