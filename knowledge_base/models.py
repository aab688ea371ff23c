"""The tables of the knowledge base: a law has versions, a version has articles.

Identifiers are derived from what they name (law: region and name; version: its day; article: its number), so that a
citation stored years ago still finds its article after everything has been imported anew.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.clock import now
from core.database import Base
from core.regions import NATION

_NAMESPACE = UUID("5d1f6c1e-3f0e-5c2b-9f55-6a1d3c0b8e77")


class Rank(StrEnum):
    """效力级别, the highest first."""

    CONSTITUTION = "宪法"
    LAW = "法律"
    ADMINISTRATIVE_REGULATION = "行政法规"
    SUPERVISION_REGULATION = "监察法规"
    JUDICIAL_INTERPRETATION = "司法解释"
    LOCAL_REGULATION = "地方性法规"
    DEPARTMENT_RULE = "部门规章"
    LOCAL_RULE = "地方政府规章"
    NORMATIVE_DOCUMENT = "规范性文件"


class Force(StrEnum):
    """时效性 of a version on a given day."""

    IN_FORCE = "现行有效"
    NOT_YET = "尚未施行"
    SUPERSEDED = "已被修改"
    REPEALED = "已废止"


def force_on(as_of: date, effective_from: date, superseded_on: date | None, repealed_on: date | None) -> Force:
    """时效性 on the day `as_of` of a text with these days."""
    if repealed_on is not None and repealed_on <= max(as_of, effective_from):
        return Force.REPEALED
    if as_of < effective_from:
        return Force.NOT_YET
    if superseded_on is not None and superseded_on <= as_of:
        return Force.SUPERSEDED
    return Force.IN_FORCE


class Law(Base):
    """法规: one instrument, whatever its versions."""

    __tablename__ = "laws"
    __table_args__ = (UniqueConstraint("region", "short_name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    short_name: Mapped[str] = mapped_column(index=True)
    """The name without 中华人民共和国, by which laws from different sources are known to be the same."""
    rank: Mapped[str] = mapped_column(index=True)
    issuing_body: Mapped[str] = mapped_column(default="")
    region: Mapped[str] = mapped_column(default=NATION, index=True)
    versions: Mapped[list["Version"]] = relationship(
        back_populates="law", order_by="Version.effective_from", cascade="all, delete-orphan"
    )


class Version(Base):
    """版本: a law's text as promulgated or amended on a day."""

    __tablename__ = "law_versions"
    __table_args__ = (UniqueConstraint("law_id", "promulgated"), Index(None, "effective_from", "ended_on"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    law_id: Mapped[UUID] = mapped_column(ForeignKey("laws.id", ondelete="CASCADE"), index=True)
    promulgated: Mapped[date]
    effective_from: Mapped[date]
    """The first day on which this text is in force."""
    effective_known: Mapped[bool] = mapped_column(default=True)
    """False where the source does not give that day and it is taken to be the day of promulgation: then nobody is told it."""
    superseded_on: Mapped[date | None]
    """The first day on which a later version is in force instead."""
    repealed_on: Mapped[date | None]
    """The first day on which the law is no longer in force; equal to `effective_from` where the day is unknown."""
    ended_on: Mapped[date | None]
    """The earlier of the two: what a search filters by."""
    source: Mapped[str]
    notice: Mapped[str] = mapped_column(default="")
    """What a reader must know of this text, such as amendments it lacks. A text with a notice never answers by itself."""
    digest: Mapped[str]
    """SHA-256 of all that was imported: an import of the same content changes nothing."""
    imported_at: Mapped[datetime] = mapped_column(default=now)
    law: Mapped[Law] = relationship(back_populates="versions")
    articles: Mapped[list["Article"]] = relationship(
        back_populates="version", order_by="Article.position", cascade="all, delete-orphan"
    )

    def force(self, as_of: date) -> Force:
        """时效性 on the day `as_of`."""
        return force_on(as_of, self.effective_from, self.superseded_on, self.repealed_on)

    @property
    def label(self) -> str:
        """How people name the version: 2020年版."""
        return f"{self.promulgated.year}年版"


class Article(Base):
    """条: the smallest citable unit."""

    __tablename__ = "articles"
    __table_args__ = (UniqueConstraint("version_id", "number"), Index(None, "version_id", "ordinal"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("law_versions.id", ondelete="CASCADE"))
    position: Mapped[int]
    """Its place in the version, from 0."""
    number: Mapped[str]
    """As written: 第一百一十条, 第十七条之一; 第一项 or 全文 where an instrument has no articles."""
    ordinal: Mapped[int]
    """`numerals.ArticleNumber.ordinal`; 0 where it has no such number."""
    path: Mapped[str] = mapped_column(default="")
    """编, 章, 节 with their names, parted by spaces."""
    text: Mapped[str] = mapped_column(Text)
    version: Mapped[Version] = relationship(back_populates="articles")


def law_id(short_name: str, region: str = NATION) -> UUID:
    return uuid5(_NAMESPACE, f"{region}|{short_name}")


def version_id(law: UUID, promulgated: date) -> UUID:
    return uuid5(law, promulgated.isoformat())


def article_id(version: UUID, number: str) -> UUID:
    return uuid5(version, number)
