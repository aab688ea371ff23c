"""CSV as Excel writes it in China and people mend it by hand: in UTF-8 or GBK, with a slip in a line that must not cost the others."""

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.region_names import UnclearRegion, region_written
from escalation.errors import Refused

_LONGEST_RECORD = 50  # lines
_YES = {"": True, "是": True, "1": True, "否": False, "0": False}


@dataclass(frozen=True, slots=True)
class Record:
    line: int
    """The first of its lines, counted from 1."""
    cells: list[str]
    broken: str = ""
    """What is wrong with it as a record; its cells then mean nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row was left out. The line is that of the file, as an editor counts."""

    line: int
    column: str
    written: str
    message: str


Outcome = Literal["added", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that was taken in."""

    line: int
    name: str
    what: Outcome
    columns: tuple[str, ...] = ()
    """What it changed."""


@dataclass(slots=True)
class Imported:
    """What came of a file."""

    rows: list[Taken] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    unchanged: int = 0

    @property
    def bad(self) -> int:
        """Rows left out; one may have several faults."""
        return len({fault.line for fault in self.faults})

    def take(self, line: int, name: str, what: Outcome, columns: Iterable[str] = ()) -> None:
        """Note and count a row that was taken in."""
        self.rows.append(Taken(line, name, what, tuple(columns)))
        setattr(self, what, getattr(self, what) + 1)


class Faulty(Refused):
    """Something filled in by hand, as a row of a file would be: what is wrong in it, column by column."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{faults[0].column}：{faults[0].message}" if faults[0].column else faults[0].message)
        self.faults = faults


class Row:
    """The cells of one row by column, read one by one; what is wrong with any goes to `faults`."""

    def __init__(self, line: int, cells: Mapping[str, str], faults: list[Fault]) -> None:
        self.line = line
        self._cells = cells
        self._faults = faults
        self._before = len(faults)

    @property
    def good(self) -> bool:
        """Nothing has been found wrong so far."""
        return len(self._faults) == self._before

    def text(self, column: str) -> str:
        """The cell as it is written; empty where there is none."""
        return self._cells.get(column, "")

    def wrong(self, column: str, message: str) -> None:
        self._faults.append(Fault(self.line, column, self.text(column), message))

    def check_lengths(self, most: Mapping[str, int]) -> None:
        for column, characters in most.items():
            if len(self.text(column)) > characters:
                self.wrong(column, f"最多 {characters} 个字")

    def name(self, column: str) -> str:
        found = " ".join(self.text(column).split())
        if not found:
            self.wrong(column, "不能为空")
        return found

    def region(self, column: str) -> str:
        """The code; empty where the cell means no region, or several."""
        try:
            return region_written(self.text(column)).code
        except UnclearRegion as error:
            self.wrong(column, str(error))
            return ""

    def yes(self, column: str) -> bool:
        """Yes where nothing is written."""
        if self.text(column) not in _YES:
            self.wrong(column, "应是 是 或 否")
        return _YES.get(self.text(column), False)


def open_csv(content: bytes, may_break: Collection[str]) -> tuple[list[str], Iterator[Record]]:
    """The head, and the records below it. `may_break` names the columns whose cells may go over several lines.

    Raises Refused for what is no text.
    """
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Refused("这是 Excel 工作簿。请在 Excel 里另存为“CSV UTF-8（逗号分隔）”，再导入。")
    lines = _decoded(content).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip(" ,\t")), len(lines))
    head = [unicodedata.normalize("NFKC", cell) for cell in _record(lines, start)[0]]
    while head and not head[-1]:
        head.pop()
    return head, _records(lines, start + 1, [column in may_break for column in head])


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A file that `open_csv` reads as it was, and that a spreadsheet neither computes nor mistakes for quantities."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return out.getvalue()


def _inert(cell: str) -> str:
    """With the mark ' before what would be a formula, or a number too long to keep its digits (`_plain` takes it off)."""
    return f"'{cell}" if re.match(r"[=+\-@\t\r']|\d{12,}$", cell) else cell


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):  # the second has all of GBK
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused("看不出文件的编码。请在 Excel 里另存为“CSV UTF-8（逗号分隔）”，再导入。")


def _records(lines: list[str], start: int, breaks: list[bool]) -> Iterator[Record]:
    """A record goes over several lines where a quoted cell does. A quotation mark without its pair costs its own line, no more."""
    while start < len(lines):
        cells, end = _record(lines, start)
        broken = ""
        if not end or (end > start + 1 and not _may_be_one(cells, breaks)):
            end, broken = start + 1, "引号没有成对，或引号后面还有字"
        elif any(cells[len(breaks) :]):
            broken = f"比表头多出 {len(cells) - len(breaks)} 格；内容里有逗号时，请用英文引号把这一格括起来"
        yield Record(start + 1, cells, broken)
        start = end


def _record(lines: list[str], start: int) -> tuple[list[str], int]:
    """The cells of the record that begins there, and the line after it: 0 where its quotation marks do not close.

    Cells come without the marks by which people keep Excel from changing a number: ' before it, ="…" around it.
    """
    end = min(start + _LONGEST_RECORD, len(lines))
    reader = csv.reader((f"{lines[number]}\n" for number in range(start, end)), strict=True)
    try:
        cells = next(reader, [])
    except csv.Error:
        return [], 0
    return [_plain(cell.strip()) for cell in cells], start + reader.line_num


def _plain(cell: str) -> str:
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1]
    return cell.removeprefix("'").strip()


def _may_be_one(cells: list[str], breaks: list[bool]) -> bool:
    """Whether lines that a quotation mark holds together are a record. Elsewhere its pair is missing, or is a later row's."""
    return len(cells) <= len(breaks) and all(
        may_break or "\n" not in cell for may_break, cell in zip(breaks, cells, strict=False)
    )
