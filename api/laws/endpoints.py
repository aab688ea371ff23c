"""/v1/laws: list, search, a law, an article, two versions compared, whether citations hold (design §8)."""

from dataclasses import asdict
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BeforeValidator
from starlette.exceptions import HTTPException

from api.laws.schemas import (
    ArticleOfLawOut,
    CardOut,
    CitationOut,
    ComparisonOut,
    HitOut,
    LawListOut,
    LawOut,
    LawSummaryOut,
    SearchOut,
    VerifyOut,
)
from api.state import StateDep
from bot.actions.wording import article_url, hit_url
from core.regions import NATION, get_region
from knowledge_base import laws
from knowledge_base.models import Rank

router = APIRouter(prefix="/v1/laws", tags=["学法律"])


def _rank(written: str) -> str:
    if written and written not in set(Rank):
        raise ValueError(f"没有这种效力级别，只能是{'、'.join(Rank)}")
    return written


def _iso(written: object) -> object:
    """Only 2026-01-31: pydantic would also take 2026 for the seconds since 1970."""
    if isinstance(written, str):
        try:
            return date.fromisoformat(written)
        except ValueError:
            raise ValueError("日期应写成 2026-01-31 的样子") from None
    return written


Iso = BeforeValidator(_iso)
AsOf = Annotated[date | None, Query(description="按哪一天有效的法规，默认今天"), Iso]
InVersion = Annotated[date | None, Query(alias="version", description="哪一版：它的公布日期"), Iso]
InRegion = Annotated[str, Query(description="GB/T 2260 六位代码，默认本平台所在地区")]
OfRank = Annotated[str, Query(description="效力级别，例如 行政法规"), AfterValidator(_rank)]


@router.get("", summary="法规目录")
def list_laws(
    state: StateDep,
    q: Annotated[str, Query(max_length=200, description="名称、简称或其中的字")] = "",
    region: InRegion = "",
    rank: OfRank = "",
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> LawListOut:
    """适用于这个地区的法规：写名称就按名称找，不写就按效力级别列出。"""
    place = get_region(region or state.settings.default_region).code
    with state.database.read() as session:
        found = laws.find_laws(session, q, region=place, as_of=as_of, rank=rank, limit=limit, offset=offset)
    listed = [LawSummaryOut.model_validate({**asdict(law), "url": f"/laws/{law.law_id}"}) for law in found.laws]
    return LawListOut(laws=listed, total=found.total, ranks=found.ranks)


@router.get("/search", summary="检索法条")
def search(
    state: StateDep,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="日常用语的问题，或法条名称和条号")],
    region: InRegion = "",
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> SearchOut:
    if state.knowledge_base is None:
        raise HTTPException(503, "法规库还没有建好，请稍后再试")
    place = get_region(region or state.settings.default_region).code
    found = state.knowledge_base.search(q, region=place, as_of=as_of, limit=limit)
    hits = [HitOut.model_validate({**asdict(hit), "url": hit_url(hit)}) for hit in found.hits]
    card = CardOut.model_validate(found.card, from_attributes=True) if found.card else None
    return SearchOut(hits=hits, decision=found.decision, confidence=found.confidence, card=card)


@router.get("/verify", summary="核对引用：有没有这一条、是否现行有效、引文对不对")
def verify(
    state: StateDep,
    citation: Annotated[str, Query(max_length=200, description="一条引用，例如 《劳动合同法》第三十八条")] = "",
    text: Annotated[str, Query(max_length=2000, description="一段文字，核对其中所有的引用")] = "",
    region: Annotated[str, Query(description="GB/T 2260 六位代码，默认全国")] = NATION,
    as_of: AsOf = None,
) -> VerifyOut:
    """`citation` 和 `text` 写一个。各项是第一条引用的，`citations` 里是全部引用的。"""
    if not citation.strip() and not text.strip():
        raise _invalid("text", "请写出要核对的引用（citation）或一段文字（text）")
    if citation.strip() and text.strip():
        raise _invalid("text", "citation 和 text 只能写一个")
    place = get_region(region).code
    with state.database.read() as session:
        checks = laws.verify_text(session, text or citation, as_of, place)
        if citation and not (len(checks) > 1 or (checks and checks[0].found)):
            # One citation that does not hold is an error and says which; of several each says it of itself.
            try:
                checks = [laws.verify_citation(session, citation, as_of, region=place)]
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
    citations = [_citation(check) for check in checks]
    first = citations[0] if citations else CitationOut(
        citation="", found=False, in_force=False, law="", article="", text="", version=None,
        message="这段文字里没有看到法条引用",
    )  # fmt: skip
    return VerifyOut(**dict(first), citations=citations)


@router.get("/{law_id}", summary="一部法规的全文")
def law(law_id: UUID, state: StateDep, as_of: AsOf = None, version: InVersion = None) -> LawOut:
    with state.database.read() as session:
        found = laws.get_law(session, law_id, as_of, promulgated=version)
    return LawOut.model_validate(found, from_attributes=True)


@router.get("/{law_id}/diff", summary="两个版本的不同")
def diff(
    law_id: UUID,
    state: StateDep,
    older: Annotated[date, Query(alias="from", description="较早一版的公布日期"), Iso],
    newer: Annotated[date, Query(alias="to", description="较晚一版的公布日期"), Iso],
    as_of: AsOf = None,
) -> ComparisonOut:
    """按内容对应条文：只是换了条号的是“改条号”，不算删去又新增。没有变化的条文不列出，只计数。"""
    with state.database.read() as session:
        found = laws.compare_versions(session, law_id, older, newer, as_of=as_of)
    return ComparisonOut.model_validate(found, from_attributes=True)


@router.get("/{law_id}/articles/{number}", summary="一条法条，以及它在各版本中的样子")
def article(
    law_id: UUID, number: str, state: StateDep, as_of: AsOf = None, version: InVersion = None
) -> ArticleOfLawOut:
    with state.database.read() as session:
        found = laws.get_article(session, law_id, number, as_of, promulgated=version)
    return ArticleOfLawOut.model_validate(found, from_attributes=True)


def _citation(check: laws.CitationCheck) -> CitationOut:
    shown = CitationOut.model_validate(check, from_attributes=True)
    return shown.model_copy(
        update={
            "law_id": check.law_id if check.held else None,
            "url": article_url(check.law_id, check.article) if check.article else "",
        }
    )


def _invalid(field: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("query", field), "ctx": {"error": message}}])
