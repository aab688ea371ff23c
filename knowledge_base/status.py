"""What the knowledge base holds, and whether its index is whole and up to date: what ``wenfa kb status`` prints."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import clock
from core.database import Database
from core.regions import NATION, ancestor, get_region
from core.settings import Settings
from knowledge_base.building import all_questions, content_name
from knowledge_base.index import current_name
from knowledge_base.integrity import MANIFEST, IndexMissing, check
from knowledge_base.models import Article, Card, CardState, Force, Law, Rank, Version, VersionSource, force_on


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The index that CURRENT names. What its manifest does not tell any more is empty or 0."""

    name: str
    built_at: datetime | None
    format: str
    model: str
    """`embedding.model_digest` of the model that made the vectors."""
    model_name: str
    """As set in WENFA_EMBEDDING_MODEL; empty for the model that ships."""
    articles: int
    questions: int
    megabytes: float
    up_to_date: bool
    """Whether it is the index that the record, the model, the questions and this program call for."""
    problem: str
    """Why it cannot be served (Chinese); empty where every file is as it was built."""

    def lines(self) -> dict[str, str]:
        """For the terminal, in Chinese."""
        built = clock.local(self.built_at).strftime("%Y-%m-%d %H:%M") if self.built_at else "不详"
        return {
            "名称": self.name,
            "状态": self.problem or ("完好，与法规库一致" if self.up_to_date else "完好，但法规库已有变化，请重新建立（wenfa kb build）"),
            "建立时间": built,
            "条文": f"{self.articles} 条",
            "常见问题": f"{self.questions} 个",
            "句向量模型": f"{self.model_name or '随软件附带'}（{self.model[:12]}）",
            "格式": self.format,
            "大小": f"{self.megabytes} MB",
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnowledgeBaseStatus:
    """The record, by rank, place, force and source, and the index over it."""

    laws_by_rank: dict[str, int]
    """The highest rank first."""
    laws_by_region: dict[str, int]
    """全国 first, then the provinces in the order of their codes, each with its cities and counties."""
    versions_by_force: dict[str, int]
    versions_with_notice: int
    versions_by_source: dict[str, int]
    """A version that two sources have counts for both."""
    cards_by_state: dict[str, int]
    """发布, 草稿, 撤下; and of the withdrawn ones those that wait for review."""
    cards_by_region: dict[str, int]
    """Published ones, as `laws_by_region`."""
    index: IndexStatus | None
    """None where none was ever put in service."""

    def tables(self) -> list[Table]:
        """For the terminal, in Chinese."""
        return [
            _table("法规（部）", {**self.laws_by_rank, "合计": sum(self.laws_by_rank.values())}),
            _table("地区（法规部数）", self.laws_by_region),
            _table("版本（个）", {**self.versions_by_force, "附有说明": self.versions_with_notice}),
            _table("来源（版本个数）", self.versions_by_source),
            _table("问答卡片（张）", {**self.cards_by_state, **self.cards_by_region}),
            _table("检索索引", self.index.lines() if self.index else {"状态": "还没有，请建立（wenfa kb build）"}),
        ]


@dataclass(frozen=True, slots=True)
class Outline:
    """What a page can say at every look: counts, and whether the index has what the record has. Reads no index."""

    laws_by_rank: dict[str, int]
    versions: int
    articles: int
    cards_by_state: dict[str, int]
    index: str
    """The name of the index in service; empty where there is none."""
    up_to_date: bool


def get_outline(settings: Settings, session: Session) -> Outline:
    """A third of a second with 26,000 articles, nearly all of it for whether the index is up to date."""
    ranks = dict(session.execute(select(Law.rank, func.count()).group_by(Law.rank)).all())
    name = current_name(settings.index_dir) or ""
    return Outline(
        laws_by_rank=_by_rank(ranks),
        versions=session.execute(select(func.count()).select_from(Version)).scalar_one(),
        articles=session.execute(select(func.count()).select_from(Article)).scalar_one(),
        cards_by_state=_cards_by_state(session),
        index=name,
        up_to_date=name != "" and name == content_name(settings, session, all_questions(session)),
    )


def _by_rank(counted: Mapping[str, int]) -> dict[str, int]:
    """The highest rank first."""
    return {rank: counted[rank] for rank in (*Rank, *sorted(set(counted) - set(Rank))) if rank in counted}


def get_status(settings: Settings, database: Database, as_of: date | None = None) -> KnowledgeBaseStatus:
    """Look at the record and the index; forces are those of `as_of` (today). Reads every byte of the index once."""
    day = as_of or clock.today()
    with database.read() as session:
        ranks = dict(session.execute(select(Law.rank, func.count()).group_by(Law.rank)).all())
        days = session.execute(select(Version.effective_from, Version.superseded_on, Version.repealed_on))
        forces = Counter(force_on(day, *row) for row in days)
        noticed = session.execute(select(func.count()).select_from(Version).where(Version.notice != "")).scalar_one()
        sources = session.execute(
            select(VersionSource.source, func.count()).group_by(VersionSource.source).order_by(VersionSource.source)
        )
        return KnowledgeBaseStatus(
            laws_by_rank=_by_rank(ranks),
            laws_by_region=_by_province(session.execute(select(Law.region, func.count()).group_by(Law.region)).all()),
            versions_by_force={str(force): forces[force] for force in Force},
            versions_with_notice=noticed,
            versions_by_source=dict(sources.all()),
            cards_by_state=_cards_by_state(session),
            cards_by_region=_by_province(
                session.execute(
                    select(Card.region, func.count()).where(Card.state == CardState.PUBLISHED).group_by(Card.region)
                ).all()
            ),
            index=_index_status(settings.index_dir, content_name(settings, session, all_questions(session))),
        )


def _cards_by_state(session: Session) -> dict[str, int]:
    counted = dict(session.execute(select(Card.state, func.count()).group_by(Card.state)).all())
    review = session.execute(
        select(func.count()).select_from(Card).where(Card.state == CardState.WITHDRAWN, Card.reason != "")
    ).scalar_one()
    names = {"已发布": CardState.PUBLISHED, "草稿": CardState.DRAFT, "已撤下": CardState.WITHDRAWN}
    return {name: counted.get(state, 0) for name, state in names.items()} | {"其中待复核": review}


def _by_province(counted: Iterable[Sequence[Any]]) -> dict[str, int]:
    """(region, how many) by the province that the region is or lies in; national ones first."""
    found: Counter[str] = Counter()
    for region, count in counted:
        found[ancestor(region, "province") or NATION] += count
    return {get_region(code).name: found[code] for code in sorted(found)}


def _index_status(index_dir: Path, wanted: str) -> IndexStatus | None:
    name = current_name(index_dir)
    if name is None:
        return None
    folder, problem = index_dir / name, ""
    try:
        check(folder)
    except FileNotFoundError:
        problem = "在用的检索索引不见了。请重新建立索引（wenfa kb build）。"
    except IndexMissing as error:
        problem = str(error)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        built_at = datetime.fromisoformat(manifest["built_at"])
    except (OSError, ValueError, LookupError, TypeError):
        manifest, built_at = {}, None
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return IndexStatus(
        name=name, built_at=built_at, format=manifest.get("format", ""), model=manifest.get("model", ""),
        model_name=manifest.get("model_name", ""), articles=manifest.get("articles", 0),
        questions=manifest.get("questions", 0), megabytes=round(size / 2**20, 1), up_to_date=name == wanted, problem=problem,
    )  # fmt: skip


def _table(title: str, rows: Mapping[str, object]) -> Table:
    table = Table(title=title, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table
