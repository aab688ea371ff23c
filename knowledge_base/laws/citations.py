"""Checking citations: whether there is such an article, whether it is in force, whether it says what it is said to say.

`verify_text` reads a whole text, `verify_citation` one citation. What a check finds wrong is said in one Chinese sentence.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from core import clock
from core.regions import NATION, full_name
from knowledge_base.laws.library import HeldLaw, LawName, Library, Repealed
from knowledge_base.laws.passages import QuoteCheck, check_quote, find_passage, written_within
from knowledge_base.laws.reading import (
    UnknownArticle,
    UnknownLaw,
    VersionInfo,
    find_law,
    version_info,
    version_on,
)
from knowledge_base.models import Article, Force, Law, Version, law_id
from knowledge_base.names import FORMER
from knowledge_base.numerals import ArticleNumber
from knowledge_base.references import Written, find_citations, parse_citation


@dataclass(frozen=True, slots=True)
class CitationCheck:
    """What became of a citation. `found`: there is such an article; `in_force`: it was in force on the day."""

    citation: str
    """As written, at text[start:end]."""
    start: int
    end: int
    found: bool
    in_force: bool
    applies: bool
    """The law applies in the region asked about. False for another region's, whether or not it is in force there."""
    held: bool
    """The law itself is held, whether or not it has this article."""
    law_id: UUID
    """The law's; the id that it would have, where it is not held."""
    law: str
    """Its full name; as written where it is not held."""
    region: str
    article: str
    """第三十八条, as the law writes it; empty where the law is not held."""
    clause: int | None
    """款, from 1; None where none is named."""
    item: int | None
    text: str
    """The whole article."""
    passage: str
    """The 款 or 项 that is cited; empty where the whole article is."""
    version: VersionInfo | None
    quote: QuoteCheck | None
    replaced_by: list[LawName]
    """What repealed the law, where that is known."""
    suggestions: list[LawName]
    """Laws of a similar name, where none of this name is held."""
    message: str
    """One Chinese sentence for whoever asked."""


def verify_text(session: Session, text: str, as_of: date | None = None, region: str = NATION) -> list[CitationCheck]:
    """Every citation in `text`, checked as of the day (today), in order. Raises core.regions.UnknownRegion.

    Of laws of one name that of `region` or of what it lies in counts; another region's is checked too and said to be one.
    A handful of statements, however many citations there are.
    """
    day = as_of or clock.today()
    library = Library(session, region)
    written = find_citations(text, library.names)
    laws = {each.law: library.find(each.law) for each in written}
    texts = _Texts(session, [law.id for law in laws.values() if law is not None], written)
    checks = []
    for each in written:
        law = laws[each.law]
        cited = text[each.start : each.end]
        if law is None:
            checks.append(_unknown(library, each, cited, day))
            continue
        found = texts.find(law.id, each.number, each.year, day)
        checks.append(_check(library, law, found, each, cited, day))
    return _one_quote_each(checks, written)


def verify_citation(
    session: Session, citation: str, as_of: date | None = None, *, region: str = NATION
) -> CitationCheck:
    """Whether "《劳动合同法》第三十八条" names an article that is in force on `as_of` (today), with its current text.

    Raises UnknownLaw where no such law is known in `region`, UnknownArticle where the law has no such article in any
    version or the article no such 款, ValueError where `citation` names no article; all with Chinese messages.
    """
    day = as_of or clock.today()
    reference = parse_citation(citation)
    if reference is None:
        raise ValueError("看不出引用的是哪部法规的哪一条，请写成“《劳动合同法》第三十八条”这样的形式")
    written = Written(reference.law, reference.number, reference.clause, None, None, 0, len(citation), None, 0)
    library = Library(session, region)
    law: HeldLaw | Law | None
    try:
        law = find_law(session, reference.law, region=region)
    except UnknownLaw:
        law = library.find(reference.law)
        if law is None or law.region not in library.places:
            raise UnknownLaw(_unknown(library, written, citation, day).message) from None
    texts = _Texts(session, [law.id], [written])
    found = texts.find(law.id, reference.number, None, day)
    check = _check(library, law, found, written, citation, day)
    if not check.found:
        raise UnknownArticle(check.message)
    return check


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a citation leads: the version it is checked by, the article in it or in an older one."""

    version: Version
    article: Article | None
    current: Version
    """The version that counts on the day; another than `version` where the article is only in that one."""
    year_missing: int | None
    """The year of the version asked for, where no such version is held."""


class _Texts:
    """All versions of the laws cited and, of each, the articles cited: two statements for a whole text."""

    def __init__(self, session: Session, laws: Sequence[UUID], written: Sequence[Written]) -> None:
        self._versions: dict[UUID, list[Version]] = defaultdict(list)
        self._articles: dict[tuple[UUID, int], Article] = {}
        if not laws:
            return
        versions = session.scalars(
            select(Version)
            .options(selectinload(Version.sources))
            .where(Version.law_id.in_(set(laws)))
            .order_by(Version.effective_from, Version.promulgated)
        ).all()
        for version in versions:
            self._versions[version.law_id].append(version)
        articles = session.scalars(
            select(Article).where(
                Article.version_id.in_([version.id for version in versions]),
                Article.ordinal.in_({each.number.ordinal for each in written}),
            )
        )
        self._articles = {(article.version_id, article.ordinal): article for article in articles}

    def find(self, law: UUID, number: ArticleNumber, year: int | None, day: date) -> _Found | None:
        versions = self._versions.get(law, [])
        if not versions:
            return None
        of_year = [version for version in versions if version.promulgated.year == year]
        current = of_year[-1] if of_year else version_on(versions, day)
        missing = year if year and not of_year and current.promulgated.year != year else None
        for version in (current, *reversed(versions)):
            article = self._articles.get((version.id, number.ordinal))
            if article is not None:
                return _Found(version, article, current, missing)
            if of_year:
                break
        return _Found(current, None, current, missing)


def _check(
    library: Library, law: "HeldLaw | Law", found: _Found | None, written: Written, cited: str, day: date
) -> CitationCheck:
    """One citation of a law that is held."""
    applies = law.region in library.places or len(library.places) == 1
    check = CitationCheck(
        citation=cited, start=written.start, end=written.end, found=False, in_force=False, applies=applies,
        held=True, law_id=law.id, law=law.name, region=law.region, article="", clause=written.clause, item=written.item, text="",
        passage="", version=None, quote=None, replaced_by=[], suggestions=[], message=f"知识库里没有《{law.name}》的文本",
    )  # fmt: skip
    if found is None:
        return check
    info = version_info(found.version, day)
    check = replace(check, version=info)
    repeal = library.repeal(law.short_name, law.region) if info.status == Force.REPEALED else None
    if repeal is not None:
        check = replace(check, replaced_by=[library.named(repeal.by)])
    if found.article is None:
        return replace(check, message=f"《{law.name}》没有{written.number}")
    article = found.article
    check = replace(check, article=article.number, text=article.text)
    passage, fault = find_passage(article.text, written.clause, written.item)
    name = f"《{law.name}》{article.number}"
    if fault:
        return replace(check, message=f"{name}{fault}（{info.version}）")
    name += written_within(written.clause, written.item)
    if found.version.id != found.current.id:
        message = f"{name}见于{info.version}，{found.current.label}中已没有这一条"
        return replace(check, found=True, passage=passage, message=message)
    in_force = info.status == Force.IN_FORCE
    message = f"{name}{'现行有效' if in_force else _why_not(info, repeal)}（{info.version}）"
    if found.year_missing:
        message += f"，没有收录{found.year_missing}年的版本"
    if law.region != NATION and not applies:
        message += f"，但只适用于{full_name(law.region)}，不适用于{full_name(library.places[0])}"
    quote = check_quote(article.text, written.quote) if written.quote else None
    if quote is not None:
        message += "，引文与原文一致" if quote.stands else "，但引文与原文不一致"
    if info.notice:
        message += f"。{info.notice}"
    return replace(check, found=True, in_force=in_force, passage=passage, quote=quote, message=message)


def _unknown(library: Library, written: Written, cited: str, day: date) -> CitationCheck:
    """One citation of a law that is not held: repealed, misspelt, or simply not here."""
    repeal = library.repeal(written.law)
    suggestions = [] if repeal is not None else library.similar(written.law)
    if repeal is not None and repeal.repealed_on <= day:
        message = f"《{written.law}》已于{repeal.repealed_on}被《{repeal.by}》废止，知识库里没有收录它的条文"
    elif repeal is not None:
        message = f"知识库里没有收录《{written.law}》的条文，它到{repeal.repealed_on}才被《{repeal.by}》废止"
    elif written.law in FORMER:
        message = f"《{written.law}》已不再有效，知识库里没有收录它的条文"
    else:
        message = f"知识库里没有收录《{written.law}》"
        if suggestions:
            message += f"，名称相近的有{'、'.join(f'《{each.name}》' for each in suggestions)}"
    return CitationCheck(
        citation=cited, start=written.start, end=written.end, found=False, in_force=False, applies=False, held=False, law_id=law_id(written.law),
        law=written.law, region="", article="", clause=written.clause, item=written.item, text="", passage="",
        version=None, quote=None, replaced_by=[library.named(repeal.by)] if repeal is not None else [],
        suggestions=suggestions, message=message,
    )  # fmt: skip


def _why_not(info: VersionInfo, repeal: Repealed | None) -> str:
    if info.status == Force.NOT_YET:
        return f"尚未施行，{info.effective_from}起施行"
    why = f"{info.status}，自{info.ended_on}起不再适用" if info.ended_on is not None else info.status
    return f"{why}，由《{repeal.by}》废止" if repeal is not None else why


def _one_quote_each(checks: list[CitationCheck], written: list[Written]) -> list[CitationCheck]:
    """Of the articles of one list that share a quote, the one that says it keeps it; where none does, the last."""
    bearers: dict[int, int] = {}
    for place, (check, each) in enumerate(zip(checks, written, strict=True)):
        if check.quote is None:
            continue
        held = bearers.get(each.group)
        if held is None or check.quote.stands or not (checks[held].quote or check.quote).stands:
            bearers[each.group] = place
    kept = set(bearers.values())
    return [
        check
        if check.quote is None or place in kept
        else replace(check, quote=None, message=re.sub("，但?引文与原文不?一致", "", check.message))
        for place, check in enumerate(checks)
    ]
