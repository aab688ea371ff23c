"""Reading cards from YAML and CSV. A card that is not in order is left out with its file and line; the others are taken.

YAML: the file's ``reviewer``, ``reviewed_on`` and ``texts_of`` hold for all its ``cards`` that do not say otherwise.
CSV: a row a card, with the columns of `_COLUMNS`; several questions or citations in a cell are parted by ``|``.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import yaml

from core import clock
from core.regions import NATION, all_regions, named_at_start
from knowledge_base.importing.drafts import BrokenSource, ImportReport, LeftOut
from knowledge_base.models import CardState
from knowledge_base.names import resolve_alias, short_name
from knowledge_base.numerals import parse_article_number
from knowledge_base.references import parse_citation
from knowledge_base.text import normalise

SHIPPED = Path(__file__).parent.parent / "data" / "cards"
CATEGORIES = (
    "婚姻家庭", "继承", "劳动人事", "合同纠纷", "民间借贷", "房产物业", "征地拆迁", "交通事故", "人身损害", "消费维权", "刑事",
    "行政", "土地山林草原", "农牧民工欠薪", "公司经营", "知识产权", "诉讼程序", "公共法律服务", "社会救助与保障", "城市管理", "其他",
)  # fmt: skip
_COLUMNS = ("编号", "类别", "地区", "问法", "回答", "引用", "要点", "审核人", "审核日期", "状态")
_KEYS = {"id", "category", "region", "questions", "answer", "cites", "reviewer", "reviewed_on", "texts_of", "state"}
_ID = re.compile(r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$")
MAX_ANSWER = 1000  # characters: what a phone shows without a long scroll


@dataclass(frozen=True, slots=True)
class CitationDraft:
    """`promulgated`: the version that was read; None for the one in force on the day of the review."""

    law: str
    article: str
    promulgated: date | None = None
    says: tuple[str, ...] = ()
    gist: str = ""


@dataclass(frozen=True, slots=True)
class CardDraft:
    id: str
    category: str
    region: str
    questions: tuple[str, ...]
    answer: str
    reviewer: str
    reviewed_on: date
    texts_of: date
    state: CardState
    citations: tuple[CitationDraft, ...]
    source: str = ""
    where: str = field(default="", compare=False)

    def digest(self) -> str:
        content = {key: value for key, value in asdict(self).items() if key not in ("where", "source")}
        return hashlib.sha256(json.dumps(content, ensure_ascii=False, default=str, sort_keys=True).encode()).hexdigest()


def read_cards(paths: Iterable[Path], report: ImportReport) -> list[CardDraft]:
    """The cards in these files; what is not in order goes into `report`."""
    found: dict[str, CardDraft] = {}
    for path in paths:
        try:
            rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _yaml_rows(path)
        except (BrokenSource, UnicodeDecodeError, OSError, csv.Error, yaml.YAMLError) as error:
            report.left_out.append(LeftOut(path.name, _why(error), path.name))
            continue
        for line, row in rows:
            where = f"{path.name} 第 {line} 行"
            name = str(row.get("id") or "（没有编号）")
            try:
                card = _card(row, path.name, where)
                if card.id in found:
                    raise BrokenSource(f"编号与 {found[card.id].where} 的卡片重复")
            except (BrokenSource, ValueError, TypeError, KeyError) as error:
                report.left_out.append(LeftOut(name, _why(error), where))
                continue
            found[card.id] = card
    return list(found.values())


def _card(row: dict[str, object], source: str, where: str) -> CardDraft:
    unknown = {key for key in row if key not in _KEYS}
    if unknown:
        raise BrokenSource(f"不认识的字段：{'、'.join(sorted(map(str, unknown)))}")
    missing = [
        key for key in ("id", "category", "questions", "answer", "cites", "reviewer", "reviewed_on") if not row.get(key)
    ]
    if missing:
        raise BrokenSource(f"缺少：{'、'.join(missing)}")
    name, category, answer = str(row["id"]), str(row["category"]), str(row["answer"]).strip()
    if not _ID.match(name):
        raise BrokenSource("编号只能用小写字母、数字和连字符")
    if category not in CATEGORIES:
        raise BrokenSource(f"没有“{category}”这个类别，可用的有：{'、'.join(CATEGORIES)}")
    if len(answer) > MAX_ANSWER:
        raise BrokenSource(f"回答有 {len(answer)} 字，最多 {MAX_ANSWER} 字")
    questions = tuple(dict.fromkeys(normalise(str(each)) for each in _list(row["questions"], "questions")))
    reviewed_on = _day(row["reviewed_on"], "reviewed_on")
    if reviewed_on > clock.today():
        raise BrokenSource(f"审核日期 {reviewed_on} 还没有到")
    return CardDraft(
        id=name, category=category, region=_region(row.get("region")), questions=questions, answer=answer,
        reviewer=str(row["reviewer"]), reviewed_on=reviewed_on,
        texts_of=_day(row.get("texts_of") or reviewed_on, "texts_of"),
        state=CardState(str(row.get("state") or CardState.PUBLISHED)), source=source, where=where,
        citations=tuple(_citation(each) for each in _list(row["cites"], "cites")),
    )  # fmt: skip


def _citation(row: object) -> CitationDraft:
    if isinstance(row, str):  # 《劳动合同法》第八十二条
        reference = parse_citation(row)
        if reference is None:
            raise BrokenSource(f"看不出引用的是哪一条：{row}")
        return CitationDraft(reference.law, str(reference.number))
    if not isinstance(row, dict) or not row.get("law") or not row.get("article"):
        raise BrokenSource("每条引用要有 law 和 article")
    number = parse_article_number(str(row["article"]))
    says = tuple(str(each) for each in _list(row.get("says") or [], "says"))
    version = _day(row["version"], "version") if row.get("version") else None
    return CitationDraft(
        resolve_alias(short_name(str(row["law"]))),
        str(number or row["article"]),
        version,
        says,
        str(row.get("gist") or ""),
    )


def _list(value: object, name: str) -> list[object]:
    if not isinstance(value, list) or (name in ("questions", "cites") and not value):
        raise BrokenSource(f"{name} 要是一个列表")
    return value


def _day(value: object, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise BrokenSource(f"{name} 不是 2026-01-31 这样的日期：{value}") from None


def _region(value: object) -> str:
    """A code as it is; a name as its code, where only one place bears it."""
    if not value:
        return NATION
    written = str(value)
    if written in all_regions():
        return written
    found = [region for region in named_at_start(written) if region.name == written]
    if len(found) == 1:
        return found[0].code
    if found:
        raise BrokenSource(f"“{written}”不止一处，请写六位代码")
    raise BrokenSource(f"没有“{written}”这个地区，请写 GB/T 2260 六位代码")


class _Lines(yaml.SafeLoader):
    """SafeLoader that notes the line of each mapping, for the report."""


def _mapping(loader: _Lines, node: yaml.MappingNode) -> dict[str, object]:
    found: dict[str, object] = loader.construct_mapping(node, deep=True)  # type: ignore[assignment]
    return found | {"__line__": node.start_mark.line + 1}


_Lines.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _yaml_rows(path: Path) -> list[tuple[int, dict[str, object]]]:
    content = yaml.load(path.read_text(encoding="utf-8"), _Lines)  # noqa: S506 (a SafeLoader)
    if not isinstance(content, dict) or not isinstance(content.get("cards"), list):
        raise BrokenSource("文件里没有 cards 列表")
    common = {key: content[key] for key in ("reviewer", "reviewed_on", "texts_of", "state") if key in content}
    rows = []
    for each in content["cards"]:
        if not isinstance(each, dict):
            raise BrokenSource(f"cards 里有不是卡片的内容：{str(each)[:40]}")
        line = int(each.pop("__line__"))
        for citation in each.get("cites") or []:
            if isinstance(citation, dict):
                citation.pop("__line__", None)
        rows.append((line, {**common, **each}))
    return rows


def _csv_rows(path: Path) -> list[tuple[int, dict[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        absent = [name for name in _COLUMNS[:7] if name not in (reader.fieldnames or [])]
        if absent:
            raise BrokenSource(f"缺少列：{'、'.join(absent)}")
        rows: list[tuple[int, dict[str, object]]] = []
        for row in reader:
            cites = [each.strip() for each in (row["引用"] or "").split("|") if each.strip()]
            gists = [each.strip() for each in (row["要点"] or "").split("|")]
            citations: list[object] = []
            for place, written in enumerate(cites):
                reference = parse_citation(written)
                gist = gists[place] if place < len(gists) else ""
                citations.append(
                    {"law": reference.law, "article": str(reference.number), "gist": gist} if reference else written
                )
            rows.append((reader.line_num, {
                "id": row["编号"], "category": row["类别"], "region": row["地区"],
                "questions": [each.strip() for each in (row["问法"] or "").split("|") if each.strip()],
                "answer": row["回答"], "cites": citations, "reviewer": row.get("审核人"),
                "reviewed_on": row.get("审核日期"), "state": row.get("状态"),
            }))  # fmt: skip
    return rows


def _why(error: Exception) -> str:
    if isinstance(error, BrokenSource):
        return str(error)
    if isinstance(error, UnicodeDecodeError):
        return "不是 UTF-8 编码的文本"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"第 {error.problem_mark.line + 1} 行附近不是正确的 YAML"
    return f"格式不对：{error}"
