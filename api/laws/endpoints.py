"""/v1/laws: search, a law, an article, whether a citation holds (design §8)."""

from dataclasses import asdict
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.state import StateDep
from bot.actions.wording import article_url
from core.regions import get_region
from knowledge_base import laws

router = APIRouter(prefix="/v1/laws", tags=["学法律"])

AsOf = Annotated[date | None, Query(description="按哪一天有效的法规，默认今天")]


class HitOut(BaseModel):
    law_id: UUID
    law: str
    article: str
    path: str
    text: str
    score: float
    version: str
    status: str
    effective_from: date | None
    region: str
    notice: str
    url: str


class SearchOut(BaseModel):
    hits: list[HitOut]
    decision: str
    confidence: float


class VersionOut(BaseModel):
    version: str
    status: str
    promulgated: date
    effective_from: date | None
    ended_on: date | None
    source: str
    notice: str


class ArticleOut(BaseModel):
    number: str
    path: str
    text: str


class LawOut(BaseModel):
    law_id: UUID
    name: str
    rank: str
    issuing_body: str
    region: str
    version: VersionOut
    versions: list[VersionOut]
    articles: list[ArticleOut]


class ArticleOfLawOut(BaseModel):
    law_id: UUID
    law: str
    region: str
    version: VersionOut
    article: ArticleOut
    previous: str | None
    following: str | None


class CitationOut(BaseModel):
    citation: str
    found: bool
    in_force: bool
    law: str
    article: str
    text: str
    version: VersionOut | None
    message: str


@router.get("/search", summary="检索法条")
def search(
    state: StateDep,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="日常用语的问题，或法条名称和条号")],
    region: Annotated[str, Query(description="GB/T 2260 六位代码")] = "",
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> SearchOut:
    if state.knowledge_base is None:
        raise HTTPException(503, "法规库还没有建好，请稍后再试")
    place = get_region(region or state.settings.default_region).code
    found = state.knowledge_base.search(q, region=place, as_of=as_of, limit=limit)
    hits = [HitOut.model_validate({**asdict(hit), "url": article_url(hit.law_id, hit.article)}) for hit in found.hits]
    return SearchOut(hits=hits, decision=found.decision, confidence=found.confidence)


@router.get("/verify", summary="核对一条引用是否现行有效")
def verify(
    state: StateDep,
    citation: Annotated[str, Query(min_length=1, max_length=200, description="例如 《劳动合同法》第三十八条")],
    as_of: AsOf = None,
) -> CitationOut:
    with state.database.read() as session:
        try:
            found = laws.verify_citation(session, citation, as_of)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
    return CitationOut.model_validate(found, from_attributes=True)


@router.get("/{law_id}", summary="一部法规的全文")
def law(law_id: UUID, state: StateDep, as_of: AsOf = None) -> LawOut:
    with state.database.read() as session:
        found = laws.get_law(session, law_id, as_of)
    return LawOut.model_validate(found, from_attributes=True)


@router.get("/{law_id}/articles/{number}", summary="一条法条")
def article(law_id: UUID, number: str, state: StateDep, as_of: AsOf = None) -> ArticleOfLawOut:
    with state.database.read() as session:
        found = laws.get_article(session, law_id, number, as_of)
    return ArticleOfLawOut.model_validate(found, from_attributes=True)
