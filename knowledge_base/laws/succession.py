"""What stands in force today in place of an article that is no longer, or not yet, in force."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from core import clock
from knowledge_base.laws.alignment import Signature, counterpart
from knowledge_base.laws.citations import CitationCheck
from knowledge_base.laws.reading import ArticleText, VersionInfo, articles_of, load_law, version_info, version_on
from knowledge_base.models import Force


@dataclass(frozen=True, slots=True)
class ArticleInForce:
    """An article as it is in force, with what is needed to cite it."""

    law_id: UUID
    law: str
    region: str
    version: VersionInfo
    article: ArticleText

    @property
    def citation(self) -> str:
        """As one writes it: 《中华人民共和国劳动合同法》第三十八条."""
        return f"《{self.law}》{self.article.number}"


def article_in_force(session: Session, check: CitationCheck, as_of: date | None = None) -> ArticleInForce | None:
    """Of a citation that was found: the article that says the same in its law's version in force, else in the law that
    repealed it. None where nothing in force is like it.
    """
    day = as_of or clock.today()
    # Numbers tell something within one law, nothing between two.
    sought = [(check.law_id, check.article)] + [
        (each.law_id, "") for each in check.replaced_by if each.law_id is not None
    ]
    for law_id, number in sought:
        law = load_law(session, law_id)
        version = version_on(law.versions, day)
        if version.force(day) is not Force.IN_FORCE:
            continue
        articles = articles_of(session, version.id)
        here = Signature.of(number, check.text)
        place = counterpart(here, [Signature.of(each.number, each.text) for each in articles])
        if place is not None:
            return ArticleInForce(law.id, law.name, law.region, version_info(version, day), articles[place])
    return None
