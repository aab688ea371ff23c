"""``wenfa audit``: whether the record of what was done is whole, and a copy of it for others to check."""

import os
from pathlib import Path
from typing import Annotated

import typer

from core.database import Database
from core.settings import Settings
from escalation import chain_check, journal
from escalation.chain import GENESIS, export_line, head, links
from escalation.seals import seal_key, seals_path
from wenfa.terminal import console, fail, interruptible, load_settings, open_database

audit = typer.Typer(help="审计记录：核对是否完整、导出。", no_args_is_help=True)

_PROGRESS_EVERY = 1000


@audit.command()
def verify() -> None:
    """核对审计链：有没有被改、被删、被加、被调换、被截尾，封条是否都对。有问题时退出码为 1。"""
    settings = load_settings()
    with interruptible(), open_database() as database:
        report = _verify(settings, database)
        with database.write() as session:
            chain_check.record_check(session, report, "command line")
    console.print(f"已核对 {report.rows} 条审计记录、{report.seals} 个封条。", markup=False)
    if report.rows:
        console.print(f"最后一条是第 {report.head.position} 条，指纹 {report.head.hash}", markup=False, soft_wrap=True)
    for warning in report.warnings:
        console.print(f"请注意：{warning}", style="yellow", markup=False)
    if report.faults:
        fail("\n".join(["审计链有问题："] + [f"  {line}" for line in _faults(report)]))
    console.print("没有发现问题。")


@audit.command()
def export(file: Annotated[Path, typer.Argument(help="写到哪个文件，每行一条 JSON", metavar="FILE.jsonl")]) -> None:
    """按审计链的次序导出全部记录和指纹，供第三方核对：每行去掉末尾的 hash 一项，其余部分的 SHA-256 就是 hash。"""
    with interruptible(), open_database() as database:
        try:
            rows = _write(database, file)
        except (OSError, ValueError) as error:
            fail(f"没有导出：{error}")
        with database.write() as session:
            journal.audit(session, "command line", "export_audit", "audit", rows=rows)
    console.print(f"已导出 {rows} 条到 {file}", markup=False)


def _verify(settings: Settings, database: Database) -> chain_check.Report:
    from wenfa.prepare import progress_bar

    with database.read() as session:
        total = head(session).position
    with progress_bar() as progress:
        return chain_check.verify(
            database, seal_key(settings), seals_path(settings), lambda done: progress("核对", done, max(done, total))
        )


def _faults(report: chain_check.Report) -> list[str]:
    lines = []
    for fault in sorted(report.faults.values(), key=lambda each: each.position):
        others = report.counts[fault.kind] - 1
        lines.append(f"{fault.kind}：{fault.text}" + (f"这样的问题另外还有 {others} 处。" if others else ""))
    return lines


def _write(database: Database, file: Path) -> int:
    """All at once or not at all: a copy that ends early would look like a chain whose tail is cut."""
    from wenfa.prepare import progress_bar

    with database.read() as session:
        total = head(session).position
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    done, before = 0, GENESIS
    try:
        draft.touch(mode=0o600)
        with draft.open("w", encoding="utf-8") as out, progress_bar() as progress:
            for link in links(database):
                out.write(export_line(link, before) + "\n")
                done, before = done + 1, link.hash
                if done % _PROGRESS_EVERY == 0:
                    progress("导出", done, max(done, total))
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return done
