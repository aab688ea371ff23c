"""What the commands share: where they print, how they end, the settings and the database as an operator may have them."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.database import Database
from core.region_names import UnclearRegion, region_written
from core.settings import Settings, get_settings
from escalation.csv_records import Fault, Imported
from escalation.errors import Refused

console = Console(highlight=False)

_FAULTS_SHOWN = 50


def load_settings() -> Settings:
    try:
        return get_settings()
    except ValidationError as error:
        lines = [f"  WENFA_{str(each['loc'][0]).upper()}：{_reason(each)}" for each in error.errors()]
        fail("设置有误：\n" + "\n".join(lines))


_REASONS = {
    "int_parsing": "应当是整数",
    "float_parsing": "应当是数字",
    "bool_parsing": "应当是 1 或 0",
    "less_than_equal": "不能大于 {le}",
    "greater_than_equal": "不能小于 {ge}",
    "greater_than": "要大于 {gt}",
    "literal_error": "只能是 {expected}",
}


def _reason(error: ErrorDetails) -> str:
    if error["type"] in _REASONS:
        return _REASONS[error["type"]].format(**error.get("ctx", {}))
    return str(error.get("ctx", {}).get("error", error["msg"]))


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C during long work is no error to be shown as one: all of it can be begun again."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@contextmanager
def open_database(*, current: bool = True) -> Iterator[Database]:
    """The database of the settings; with `current` one whose tables are those of this version."""
    from wenfa.database import is_current

    opened = Database(load_settings().sql_url)
    try:
        if current and not is_current(opened):
            fail("数据库的表结构不是这个版本的。请先运行 wenfa db upgrade。")
        yield opened
    except OperationalError as error:
        fail(f"连不上数据库：{error.orig}\n请检查 WENFA_DATABASE_URL。")
    finally:
        opened.dispose()


def fail(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(message, style="red", markup=False)
    raise typer.Exit(1)


def write_template(template: str) -> None:
    """A file as it may be filled in. Where it goes into a file, Excel needs the mark to see that it is UTF-8."""
    sys.stdout.write(template if sys.stdout.isatty() else f"\ufeff{template}")


def show_faults(faults: Sequence[Fault], rest: str = "改好后再导入一次。") -> None:
    """The rows of a file that were left out, each with its line; `rest` says where the others are, if they are many."""
    if not faults:
        return
    table = Table("行", "列", "写的是", "问题")
    for fault in faults[:_FAULTS_SHOWN]:
        table.add_row(str(fault.line), fault.column, escape(fault.written[:40]), escape(fault.message))
    console.print(table)
    if len(faults) > _FAULTS_SHOWN:
        console.print(f"另有 {len(faults) - _FAULTS_SHOWN} 处，{rest}")


def region_code(written: str) -> str:
    """The code of a region as an operator writes it; ends the command where it means none, or several."""
    try:
        return region_written(written).code
    except UnclearRegion as error:
        fail(str(error))


def import_file(
    file: Path | None,
    template: str | None,
    command: str,
    work: Callable[[Session, bytes], Imported],
    *,
    dry_run: bool = False,
) -> None:
    """An import command: writes the `template` where one is given, else takes the file in and says what came of it."""
    if template is not None:
        write_template(template)
        return
    if file is None:
        fail(f"请写出名册文件，例如 wenfa {command} import {command}.csv；名册的样子用 --template 看。")
    with interruptible(), open_database() as database:
        try:
            with database.rehearse() if dry_run else database.write() as session:
                done = work(session, file.read_bytes())
        except Refused as error:
            fail(error.message)
    if done.unknown_columns:
        console.print(f"没有用到的列：{'、'.join(done.unknown_columns)}", style="yellow", markup=False)
    show_faults(done.faults)
    console.print(
        f"{'（只是预览，没有写入）' if dry_run else ''}新增 {done.added} 个，更新 {done.changed} 个，没有变化 {done.unchanged} 个，有问题 {len(done.faults)} 处"
    )
    if done.faults:
        raise typer.Exit(1)
