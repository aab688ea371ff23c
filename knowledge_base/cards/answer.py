"""A card's citations as they are shown: the article where the machine holds it, else the reviewer's gist, marked as one."""

from datetime import date

from core.regions import NATION, lineage, named_at_start
from knowledge_base.cards.citations import CitedArticle
from knowledge_base.models import Card, article_id, law_id, version_id
from knowledge_base.results import Hit


def as_hit(card: Card, cited: CitedArticle, day: date, score: float) -> Hit:
    """One citation of a card that holds on `day`."""
    if cited.law is not None and cited.version is not None and cited.article is not None:
        version = cited.version
        return Hit(
            article_id=cited.article.id, law_id=cited.law.id, version_id=version.id, law=cited.law.name,
            article=cited.article.number, path=cited.article.path, text=cited.article.text, score=round(1 + score, 4),
            version=version.label, status=str(version.force(day)),
            effective_from=version.effective_from if version.effective_known else None, region=cited.law.region,
            notice=version.notice,
        )  # fmt: skip
    citation = cited.citation
    region = cited.law.region if cited.law is not None else _region_of(citation.law, card.region)
    law = law_id(citation.law, region)
    version_key = version_id(law, citation.promulgated)
    return Hit(
        article_id=article_id(version_key, citation.article), law_id=law, version_id=version_key,
        law=cited.law.name if cited.law is not None else citation.law, article=citation.article, path="",
        text=f"（要点，本机没有收录原文）{citation.gist}", score=round(1 + score, 4),
        version=f"{citation.promulgated.year}年版", status=f"按 {card.texts_of} 的文本审核", effective_from=None,
        region=region, notice="", held=False,
    )  # fmt: skip


def _region_of(law: str, card_region: str) -> str:
    """Where a law that is not held applies: the place of the card's lineage whose name it begins with, else the nation."""
    places = set(lineage(card_region))
    return next((region.code for region in named_at_start(law) if region.code in places), NATION)
