"""Reading a law: its text on a day or in a version, one article, and what that article says in the other versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from core import clock
from core.regions import NATION, lineage
from knowledge_base.laws.alignment import Signature, counterpart
from knowledge_base.models import Article, Force, Law, Version
from knowledge_base.names import resolve_alias, short_name
from knowledge_base.numerals import parse_article_number


class UnknownLaw(LookupError):
    """No law of this id or name is in the knowledge base. The message is Chinese and can be shown."""


class UnknownVersion(UnknownLaw):
    """The law has no version of this day. The message is Chinese and can be shown."""


class UnknownArticle(LookupError):
    """The law has no such article. The message is Chinese and can be shown."""


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version without its text. `status` is one of Force's values on the day asked about."""

    version_id: UUID
    version: str
    promulgated: date
    effective_from: date | None
    """None where the source does not give the day."""
    ended_on: date | None
    """The first day on which it is no longer in force; None where there is none or nobody knows which."""
    status: str
    document_number: str
    sources: list[str]
    missing: str
    """What the text has lost in its source (Chinese); empty for nearly all."""
    history: list[list[str]]
    """沿革: [ISO date, what happened], the oldest first."""
    notice: str


@dataclass(frozen=True, slots=True)
class ArticleText:
    article_id: UUID
    number: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class LawText:
    """A law with the articles of one version, and the list of all its versions, the newest first."""

    law_id: UUID
    name: str
    short_name: str
    rank: str
    issuing_body: str
    region: str
    version: VersionInfo
    versions: list[VersionInfo]
    articles: list[ArticleText]


@dataclass(frozen=True, slots=True)
class ArticleInVersion:
    """What became of an article in a version of its law. `number` is None where that version has nothing like it."""

    version: VersionInfo
    number: str | None
    same_text: bool


@dataclass(frozen=True, slots=True)
class ArticleOfLaw:
    """One article with what is needed to cite it, and with where it stands in all versions of the law, the newest first."""

    law_id: UUID
    law: str
    rank: str
    region: str
    version: VersionInfo
    article: ArticleText
    previous: str | None
    """The number of the article before it; None for the first."""
    following: str | None
    versions: list[ArticleInVersion]


def get_law(session: Session, law_id: UUID, as_of: date | None = None, *, promulgated: date | None = None) -> LawText:
    """The law as it stands on `as_of` (today; see `version_on` for what is given when none is in force), or its version
    that was promulgated on that day.

    Raises UnknownLaw, UnknownVersion.
    """
    day = as_of or clock.today()
    law = load_law(session, law_id)
    version = choose_version(law, day, promulgated)
    return LawText(
        law_id=law.id, name=law.name, short_name=law.short_name, rank=law.rank, issuing_body=law.issuing_body,
        region=law.region, version=version_info(version, day),
        versions=[version_info(each, day) for each in reversed(law.versions)], articles=articles_of(session, version.id),
    )  # fmt: skip


def get_article(
    session: Session, law_id: UUID, number: str, as_of: date | None = None, *, promulgated: date | None = None
) -> ArticleOfLaw:
    """One article by its number: "38", "三十八", "第三十八条", "17-1", "第十七条之一"; or as the law writes it (第一项, 全文).

    Of the version that `get_law` would give. Raises UnknownLaw, UnknownVersion, UnknownArticle.
    """
    day = as_of or clock.today()
    law = load_law(session, law_id)
    version = choose_version(law, day, promulgated)
    article = find_article(session, version, number)
    if article is None:
        raise UnknownArticle(f"《{law.name}》（{version.label}）没有{_written(number)}")
    rows = session.execute(
        select(Article.position, Article.number).where(
            Article.version_id == version.id, Article.position.in_([article.position - 1, article.position + 1])
        )
    )
    beside = {row.position: row.number for row in rows}
    return ArticleOfLaw(
        law_id=law.id, law=law.name, rank=law.rank, region=law.region, version=version_info(version, day),
        article=_text(article), previous=beside.get(article.position - 1), following=beside.get(article.position + 1),
        versions=_in_all_versions(session, law, version, article, day),
    )  # fmt: skip


def find_law(session: Session, name: str, *, region: str = NATION) -> Law:
    """The law of this name, with or without 中华人民共和国 and book-title marks, or by a known alias. The narrowest region first.

    Raises UnknownLaw.
    """
    wanted = {short_name(name), resolve_alias(name)}
    places = lineage(region)
    laws = session.scalars(
        select(Law).where(or_(Law.short_name.in_(wanted), Law.name.in_(wanted)), Law.region.in_(places))
    ).all()
    if not laws:
        raise UnknownLaw(f"知识库里没有收录《{short_name(name)}》")
    return min(laws, key=lambda law: (places.index(law.region), law.short_name != short_name(name)))


def load_law(session: Session, law_id: UUID) -> Law:
    """The law with its versions and their sources. Raises UnknownLaw."""
    law = session.get(Law, law_id, options=[selectinload(Law.versions).selectinload(Version.sources)])
    if law is None or not law.versions:
        raise UnknownLaw("知识库里没有这部法规")
    return law


def choose_version(law: Law, day: date, promulgated: date | None = None) -> Version:
    """The version promulgated on that day; without one, that of `version_on`. Raises UnknownVersion."""
    if promulgated is None:
        return version_on(law.versions, day)
    for version in law.versions:
        if version.promulgated == promulgated:
            return version
    held = "、".join(version.promulgated.isoformat() for version in law.versions)
    raise UnknownVersion(f"《{law.name}》没有 {promulgated} 公布的版本，收录的是 {held} 公布的")


def version_on(versions: Sequence[Version], day: date) -> Version:
    """Of versions in order of their force: the one in force on the day; else the one last in force; else the first to come."""
    for version in reversed(versions):
        if version.force(day) is Force.IN_FORCE:
            return version
    begun = [version for version in versions if version.effective_from <= day]
    return begun[-1] if begun else versions[0]


def articles_of(session: Session, version: UUID) -> list[ArticleText]:
    """All articles of a version, in order. Plain rows: half the time of entities, for a code of 1,260 articles."""
    rows = session.execute(
        select(Article.id, Article.number, Article.path, Article.text)
        .where(Article.version_id == version)
        .order_by(Article.position)
    )
    return [ArticleText(*row) for row in rows]


def find_article(session: Session, version: Version, number: str) -> Article | None:
    """The article of this number, however it is written."""
    parsed = parse_article_number(number)
    condition = Article.ordinal == parsed.ordinal if parsed is not None else Article.number == number.strip()
    return session.scalars(select(Article).where(Article.version_id == version.id, condition)).first()


def version_info(version: Version, day: date) -> VersionInfo:
    return VersionInfo(
        version_id=version.id, version=version.label, promulgated=version.promulgated,
        effective_from=version.effective_from if version.effective_known else None, ended_on=_ended(version),
        status=str(version.force(day)), document_number=version.document_number,
        sources=[each.source for each in version.sources], missing=_missing(version), history=version.history, notice=version.notice,
    )  # fmt: skip


def _missing(version: Version) -> str:
    """What the text that is kept lacks, as the source that it is from was found to lack it."""
    return next((each.facts.get("missing", "") for each in version.sources if not each.differs), "")


def _ended(version: Version) -> date | None:
    # A law known to be repealed, nobody knows when, ends on the day it begins: that is for the search, not for a reader.
    return version.ended_on if version.ended_on != version.effective_from else None


def _in_all_versions(session: Session, law: Law, shown: Version, article: Article, day: date) -> list[ArticleInVersion]:
    here = Signature.of(article.number, article.text)
    found = []
    for version in reversed(law.versions):
        number: str | None = article.number
        same = True
        if version.id != shown.id:
            others = articles_of(session, version.id)
            place = counterpart(here, [Signature.of(each.number, each.text) for each in others])
            number = others[place].number if place is not None else None
            same = place is not None and Signature.of(number or "", others[place].text).letters == here.letters
        found.append(ArticleInVersion(version_info(version, day), number, same))
    return found


def _written(number: str) -> str:
    parsed = parse_article_number(number)
    return str(parsed) if parsed is not None else f"“{number}”"


def _text(article: Article) -> ArticleText:
    return ArticleText(article.id, article.number, article.path, article.text)
