"""The page of an article: what a citation under an answer leads to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from api.laws.endpoints import AsOf
from api.pages.rendering import page
from api.state import StateDep
from bot.actions.wording import article_url
from knowledge_base import laws
from knowledge_base.models import Force

router = APIRouter()


def _law_id(value: object) -> UUID:
    """An address that names no law is an address that does not exist, not a field filled in wrongly."""
    try:
        return UUID(str(value))
    except ValueError:
        raise HTTPException(404, "没有这部法规") from None


@router.get("/laws/{law_id}/articles/{number}")
def article(
    request: Request,
    law_id: Annotated[UUID, BeforeValidator(_law_id)],
    number: str,
    state: StateDep,
    as_of: AsOf = None,
) -> HTMLResponse:
    with state.database.read() as session:
        found = laws.get_article(session, law_id, number, as_of)
    day = f"?as_of={as_of}" if as_of else ""
    return page(
        request,
        "article.html",
        found=found,
        in_force=found.version.status == Force.IN_FORCE,
        not_yet=found.version.status == Force.NOT_YET,
        previous=article_url(law_id, found.previous) + day if found.previous else "",
        following=article_url(law_id, found.following) + day if found.following else "",
        as_of=as_of,
    )
