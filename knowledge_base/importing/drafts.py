"""What every importer hands on: a law as read from its source, before it is stored; and the report of what became of it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from core.regions import NATION
from knowledge_base.models import Rank

Progress = Callable[[str, int, int], None]
"""Called with the name of the phase (Chinese), how much is done, how much there is."""


class BrokenSource(ValueError):
    """A law in a source cannot be taken; the message says why, in Chinese."""


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
    source: str
    articles: list[ArticleDraft]
    region: str = NATION
    issuing_body: str = ""
    repealed_on: date | None = None
    notice: str = ""
    where: str = ""
    """File and line, or the key in the source: for the report."""
    effective_known: bool = True
    """False where the source does not give the day and `effective_from` is the earliest it can be."""

    def digest(self) -> str:
        content = [
            self.name, self.rank, self.region, self.issuing_body, self.notice, self.source,
            self.promulgated.isoformat(), self.effective_from.isoformat(), str(self.repealed_on), self.effective_known,
            [[article.number, article.path, article.text] for article in self.articles],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One thing that an import did not take."""

    what: str
    reason: str
    where: str = ""


@dataclass(slots=True)
class ImportReport:
    """What an import took, updated, found unchanged and left out. Counts are of versions."""

    source: str
    taken: int = 0
    updated: int = 0
    unchanged: int = 0
    articles: int = 0
    """Articles in all versions that were taken, updated or unchanged."""
    left_out: list[LeftOut] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    """(name and version, notice) of the texts that do not answer by themselves."""

    def __str__(self) -> str:
        lines = [
            f"{self.source}：新收 {self.taken} 部，更新 {self.updated} 部，未变 {self.unchanged} 部，"
            f"共 {self.articles} 条；未收 {len(self.left_out)} 项"
        ]
        lines += [
            f"  未收 {each.what}：{each.reason}{f'（{each.where}）' if each.where else ''}" for each in self.left_out
        ]
        lines += [f"  注意 {name}：{notice}" for name, notice in self.notices]
        return "\n".join(lines)
