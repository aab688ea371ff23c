"""The citations of an answer: each as the citizen will be shown it, with a warning to the lawyer where it is no law in force.

Old facts are judged by old law, so such an article may be cited, but only by somebody who has seen what it is.
"""

import re
from collections.abc import Collection, Sequence

from pydantic import BaseModel
from sqlalchemy.orm import Session

from bot.actions.wording import article_url
from escalation.errors import Conflict, Refused
from escalation.replies import Citation
from knowledge_base.laws import (
    CitationCheck,
    UnknownArticle,
    UnknownLaw,
    VersionInfo,
    article_in_force,
    verify_citation,
    verify_text,
)

_YEAR = re.compile(r"》\s*[（(]\s*((?:19|20)\d{2})\s*年")


class CurrentArticle(BaseModel):
    """What stands in force in place of an article. `citation` is how to cite it."""

    citation: str
    law: str
    article: str
    text: str
    version: str
    url: str


class CitationWarning(BaseModel):
    """A citation of what is not in force: `citation` as the lawyer wrote it, which is also how it is confirmed."""

    citation: str
    law: str
    article: str
    text: str
    version: str
    status: str
    message: str
    url: str
    current: CurrentArticle | None
    """None where nothing in force is like it."""


class NotInForce(Conflict):
    """Some citations need the lawyer's confirmation. Nothing has been sent."""

    def __init__(self, warnings: Sequence[CitationWarning]) -> None:
        named = "、".join(f"“{each.citation}”" for each in warnings)
        super().__init__(f"引用的{named}不是现行有效的条文。请选择不引用、改引现行条文，或确认仍要引用。", "citations")
        self.warnings = list(warnings)


def check_citations(
    session: Session, citations: Sequence[str], region: str, confirmed: Collection[str] = ()
) -> list[Citation]:
    """The articles as they will be shown to somebody in `region`.

    Raises Refused where a citation names no article that is known there, NotInForce for those that are not in force and not
    among the `confirmed`.
    """
    checks = [(written, check_citation(session, written, region)) for written in dict.fromkeys(citations)]
    doubtful = [(written, check) for written, check in checks if not check.in_force and written not in confirmed]
    if doubtful:
        raise NotInForce([_warning(session, written, check) for written, check in doubtful])
    return [_shown(check) for _, check in checks]


def check_citation(session: Session, written: str, region: str) -> CitationCheck:
    """One citation that was found, in force or not; of the version whose year it names, 《…》（2012年版）第三条.

    Raises Refused where there is no such article. Law of the citizen's own region counts, another region's does not.
    """
    checks = verify_text(session, written, region=region)
    try:
        found = next(
            (each for each in checks if len(checks) == 1 and each.found and each.applies), None
        ) or verify_citation(session, written, region=region)
    except (UnknownLaw, UnknownArticle, ValueError) as error:
        raise Refused(f"引用“{written}”：{error.args[0]}", "citations") from error
    year = _YEAR.search(written)
    if year is not None and version_of(found).promulgated.year != int(year[1]):
        raise Refused(f"引用“{written}”：没有收录这部法规{year[1]}年的版本", "citations")
    return found


def version_of(check: CitationCheck) -> VersionInfo:
    """The version of a citation that was found: it always has one."""
    assert check.version is not None
    return check.version


def url_of(check: CitationCheck) -> str:
    """Where the article is read, in its own version where that is not the one in force."""
    address = article_url(check.law_id, check.article)
    return address if check.in_force else f"{address}?version={version_of(check).promulgated}"


def _shown(check: CitationCheck) -> Citation:
    version = version_of(check)
    return Citation(
        law=check.law,
        article=check.article,
        text=check.text,
        version=version.version,
        status=version.status,
        effective_from=version.effective_from.isoformat() if version.effective_from else None,
        region=check.region,
        url=url_of(check),
    )


def _warning(session: Session, written: str, check: CitationCheck) -> CitationWarning:
    current, version = article_in_force(session, check), version_of(check)
    return CitationWarning(
        citation=written,
        law=check.law,
        article=check.article,
        text=check.text,
        version=version.version,
        status=version.status,
        message=check.message,
        url=url_of(check),
        current=CurrentArticle(
            citation=current.citation,
            law=current.law,
            article=current.article.number,
            text=current.article.text,
            version=current.version.version,
            url=article_url(current.law_id, current.article.number),
        )
        if current is not None
        else None,
    )
