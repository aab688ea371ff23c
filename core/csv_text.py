"""CSV for people who open it in a spreadsheet."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime

from core.clock import local

# Also as an input method for Chinese writes them: some spreadsheets take those for the narrow ones.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def csv_text(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """With a byte order mark, without which Excel takes it for GBK; nothing in it is taken for a formula.

    Moments are written as a clock in China shows them, truth as 是 and 否, None as nothing, numbers as numbers.
    """
    out = io.StringIO()
    out.write("\N{BYTE ORDER MARK}")
    writer = csv.writer(out)
    writer.writerow(headings)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return f"{local(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int | float):
        return value
    text = str(value)
    # A spreadsheet runs what begins like this; citizens write what they like.
    return f"'{text}" if text.startswith(_FORMULA) else text
