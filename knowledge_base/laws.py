"""Reading the laws themselves: a law, an article, and whether a citation holds. All on a given day."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core import clock
from core.regions import NATION, lineage
from knowledge_base.models import Article, Force, Law, Version
from knowledge_base.names import resolve_alias, short_name
from knowledge_base.numerals import parse_article_number
from knowledge_base.references import parse_citation


class UnknownLaw(LookupError):
    """No law of this id or name is in the knowledge base. The message is Chinese and can be shown."""


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
    status: str
    source: str
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
class ArticleOfLaw:
    """One article with what is needed to cite it."""

    law_id: UUID
    law: str
    region: str
    version: VersionInfo
    article: ArticleText
    previous: str | None
    """The number of the article before it; None for the first."""
    following: str | None


@dataclass(frozen=True, slots=True)
class CitationCheck:
    """What became of a citation. `found`: there is such an article; `in_force`: it was in force on the day."""

    citation: str
    found: bool
    in_force: bool
    law_id: UUID
    law: str
    region: str
    article: str
    text: str
    version: VersionInfo | None
    message: str
    """One Chinese sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class LawSummary:
    law_id: UUID
    name: str
    rank: str
    region: str
    status: str
    articles: int


def get_law(session: Session, law_id: UUID, as_of: date | None = None) -> LawText:
    """The law as it stands on `as_of` (today): see `_version_on` for what is given when none is in force.

    Raises UnknownLaw.
    """
    day = as_of or clock.today()
    law = _law(session, law_id)
    version = _version_on(law, day)
    articles = session.scalars(select(Article).where(Article.version_id == version.id).order_by(Article.position))
    return LawText(
        law_id=law.id, name=law.name, short_name=law.short_name, rank=law.rank, issuing_body=law.issuing_body,
        region=law.region, version=_info(version, day), versions=[_info(each, day) for each in reversed(law.versions)],
        articles=[_text(article) for article in articles],
    )  # fmt: skip


def get_article(session: Session, law_id: UUID, number: str, as_of: date | None = None) -> ArticleOfLaw:
    """One article by its number: "38", "三十八", "第三十八条", "17-1", "第十七条之一"; or as the law writes it (第一项, 全文).

    Raises UnknownLaw, UnknownArticle.
    """
    day = as_of or clock.today()
    law = _law(session, law_id)
    version = _version_on(law, day)
    article = _article(session, version, number)
    if article is None:
        raise UnknownArticle(f"《{law.name}》（{version.label}）没有{_written(number)}")
    rows = session.execute(
        select(Article.position, Article.number).where(
            Article.version_id == version.id, Article.position.in_([article.position - 1, article.position + 1])
        )
    )
    beside = {row.position: row.number for row in rows}
    return ArticleOfLaw(
        law_id=law.id, law=law.name, region=law.region, version=_info(version, day), article=_text(article),
        previous=beside.get(article.position - 1), following=beside.get(article.position + 1),
    )  # fmt: skip


def verify_citation(
    session: Session, citation: str, as_of: date | None = None, *, region: str = NATION
) -> CitationCheck:
    """Whether "《劳动合同法》第三十八条" names an article that is in force on `as_of` (today), with its current text.

    Raises UnknownLaw where no such law is known in `region`, UnknownArticle where the law has no such article in any
    version, ValueError where `citation` names no article; all with Chinese messages.
    """
    day = as_of or clock.today()
    reference = parse_citation(citation)
    if reference is None:
        raise ValueError("看不出引用的是哪部法规的哪一条，请写成“《劳动合同法》第三十八条”这样的形式")
    law = find_law(session, reference.law, region=region)
    version = _version_on(law, day)
    article = _article(session, version, str(reference.number))
    if article is None:
        for other in reversed(law.versions):
            article = _article(session, other, str(reference.number))
            if article is not None:
                info = _info(other, day)
                message = f"《{law.name}》{reference.number}见于{info.version}，{version.label}中已没有这一条"
                return CitationCheck(
                    citation, True, False, law.id, law.name, law.region, article.number, article.text, info, message
                )
        raise UnknownArticle(f"《{law.name}》没有{reference.number}")
    info = _info(version, day)
    in_force = info.status == Force.IN_FORCE
    message = f"《{law.name}》{article.number}{'现行有效' if in_force else _why_not(info)}（{info.version}）"
    if info.notice:
        message += f"。{info.notice}"
    return CitationCheck(
        citation, True, in_force, law.id, law.name, law.region, article.number, article.text, info, message
    )


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


def list_laws(session: Session, as_of: date | None = None, *, region: str = NATION) -> list[LawSummary]:
    """All laws that apply in `region`, by rank and name, with their status on `as_of` (today)."""
    day = as_of or clock.today()
    grouped = session.execute(select(Article.version_id, func.count().label("total")).group_by(Article.version_id))
    counts = {row.version_id: row.total for row in grouped}
    laws = session.scalars(select(Law).where(Law.region.in_(lineage(region))).order_by(Law.rank, Law.short_name)).all()
    found = []
    for law in laws:
        version = _version_on(law, day)
        found.append(
            LawSummary(law.id, law.name, law.rank, law.region, str(version.force(day)), counts.get(version.id, 0))
        )
    return found


def _law(session: Session, law_id: UUID) -> Law:
    law = session.get(Law, law_id)
    if law is None or not law.versions:
        raise UnknownLaw("知识库里没有这部法规")
    return law


def _version_on(law: Law, day: date) -> Version:
    """The version in force on the day; else the one last in force; else the first one to come."""
    if not law.versions:
        raise UnknownLaw(f"知识库里没有《{law.name}》的文本")
    for version in reversed(law.versions):
        if version.force(day) is Force.IN_FORCE:
            return version
    begun = [version for version in law.versions if version.effective_from <= day]
    return begun[-1] if begun else law.versions[0]


def _article(session: Session, version: Version, number: str) -> Article | None:
    parsed = parse_article_number(number)
    condition = Article.ordinal == parsed.ordinal if parsed is not None else Article.number == number.strip()
    return session.scalars(select(Article).where(Article.version_id == version.id, condition)).first()


def _written(number: str) -> str:
    parsed = parse_article_number(number)
    return str(parsed) if parsed is not None else f"“{number}”"


def _why_not(info: VersionInfo) -> str:
    if info.status == Force.NOT_YET:
        return f"尚未施行，{info.effective_from}起施行"
    return (
        f"{info.status}，自{info.ended_on}起不再适用"
        if info.ended_on not in (None, info.effective_from)
        else str(info.status)
    )


def _info(version: Version, day: date) -> VersionInfo:
    return VersionInfo(
        version_id=version.id, version=version.label, promulgated=version.promulgated,
        effective_from=version.effective_from if version.effective_known else None, ended_on=version.ended_on, status=str(version.force(day)),
        source=version.source, notice=version.notice,
    )  # fmt: skip


def _text(article: Article) -> ArticleText:
    return ArticleText(article.id, article.number, article.path, article.text)
