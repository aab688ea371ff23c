"""学法律: find a law, read it, read one article, compare two versions, check the citations of a text.

Nothing here needs a script. A law is one page however long: the browser leaves out of layout what is out of sight.
"""

from datetime import date
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.laws.endpoints import AsOf, InVersion, Iso
from api.pages import citizen, region
from api.pages.citizen import FromThisSite, OwnChat
from api.pages.law_view import badge, parts_of, shown_check, with_places
from api.pages.region import region_choices
from api.pages.rendering import page
from api.state import StateDep
from bot.actions.wording import article_url
from core.paging import Paged
from core.regions import NATION
from knowledge_base import laws
from knowledge_base.laws import Change
from knowledge_base.models import Force, Rank

router = APIRouter()

_PAGE_OF_LAWS = 20
_NAMES_BESIDE_ARTICLES = 5
_ARTICLES_FOUND = 10
_LONGEST_TEXT = 2000
# A law holds nobody's words: the browser may keep the page for going back to it, and asks each time it is opened anew.
_PUBLIC = {"Cache-Control": "private, no-cache"}
_EXAMPLES = ("试用期最长多久", "劳动合同法", "民法典第一千零七十九条", "高空抛物")


def _law_id(value: object) -> UUID:
    """An address that names no law is an address that does not exist, not a field filled in wrongly."""
    try:
        return UUID(str(value))
    except ValueError:
        raise HTTPException(404, "没有这部法规") from None


LawId = Annotated[UUID, BeforeValidator(_law_id)]


@router.get("/laws")
def find(
    request: Request,
    state: StateDep,
    conversation: OwnChat,
    q: Annotated[str, Query()] = "",
    rank: Annotated[str, Query()] = "",
    names: Annotated[bool, Query()] = False,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Laws by name and articles by what they say; without a question, the laws by rank. `names`: all laws of such a name."""
    q = q.strip()[:_LONGEST_TEXT]
    rank = rank if rank in set(Rank) else ""
    place = citizen.region_for(request, state, conversation)
    listing = names or not q
    size = _PAGE_OF_LAWS if listing else _NAMES_BESIDE_ARTICLES
    with state.database.read() as session:
        found = laws.find_laws(
            session, q, region=place, rank=rank, limit=size, offset=(number - 1) * size if listing else 0
        )
    result = None
    if not listing and state.knowledge_base is not None:
        result = state.knowledge_base.search(q, region=place, limit=_ARTICLES_FOUND)
    return page(
        request, "laws.html", q=q, rank=rank, found=found, result=result, listing=listing, examples=_EXAMPLES,
        ready=state.knowledge_base is not None, listed=Paged(found.laws, found.total, number, size),
        **_here(place, request),
    )  # fmt: skip


@router.post("/laws/region", dependencies=[FromThisSite])
def choose_region(
    state: StateDep,
    conversation: OwnChat,
    province: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "/laws",
) -> Response:
    """The same choice as in the chat; afterwards back to where one was reading."""
    response = region.choose(state, conversation, province, place)
    local = back == "/laws" or back.startswith(("/laws?", "/laws/"))
    response.headers["Location"] = quote(back if local else "/laws", safe="/?&=%#+")
    return response


@router.get("/laws/verify")
def verify_form(request: Request, state: StateDep, conversation: OwnChat) -> HTMLResponse:
    return _verified(request, citizen.region_for(request, state, conversation))


@router.post("/laws/verify", dependencies=[FromThisSite])
def verify(request: Request, state: StateDep, conversation: OwnChat, text: Annotated[str, Form()] = "") -> HTMLResponse:
    """Each citation of a text. Posted, so that what somebody wrote stands in no address and no log."""
    place = citizen.region_for(request, state, conversation)
    text = text.replace("\r\n", "\n")
    if not text.strip():
        return _verified(request, place, error="请先把要核对的文字贴进来。", status=422)
    if len(text) > _LONGEST_TEXT:
        error = f"一次最多核对 {_LONGEST_TEXT} 个字，现在有 {len(text)} 个字，请分几次核对。"
        return _verified(request, place, text, error=error, status=422)
    with state.database.read() as session:
        checks = laws.verify_text(session, text, region=place)
    return _verified(request, place, text, checks)


@router.get("/laws/{law_id}")
def read(
    request: Request, law_id: LawId, state: StateDep, as_of: AsOf = None, version: InVersion = None
) -> HTMLResponse:
    """A law, as it is in force or in one of its versions."""
    with state.database.read() as session:
        found = laws.get_law(session, law_id, as_of, promulgated=version)
    parts, contents = parts_of(found.articles)
    shown = found.version.promulgated
    older = next((each for each in found.versions if each.promulgated < shown), None)
    in_force = next((each for each in found.versions if each.status == Force.IN_FORCE), None)
    response = page(
        request, "laws_law.html", found=found, parts=parts, contents=contents, badge=badge, as_of=as_of, older=older,
        in_force=in_force, is_current=in_force is not None and in_force.promulgated == shown,
        coming=next((each for each in found.versions if each.status == Force.NOT_YET and each.promulgated != shown), None),
        address=f"/laws/{law_id}", day=_day(as_of, version), national=found.region == NATION,
    )  # fmt: skip
    response.headers.update(_PUBLIC)
    return response


@router.get("/laws/{law_id}/go")
def go(
    law_id: LawId, state: StateDep, number: Annotated[str, Query()] = "", as_of: AsOf = None, version: InVersion = None
) -> Response:
    """To an article within the law, by whatever way of writing its number."""
    with state.database.read() as session:
        found = laws.get_article(session, law_id, number, as_of, promulgated=version)
    return RedirectResponse(f"/laws/{law_id}{_day(as_of, version)}#{quote(found.article.number)}", 303)


@router.get("/laws/{law_id}/diff")
def diff(
    request: Request,
    law_id: LawId,
    state: StateDep,
    older: Annotated[date | None, Query(alias="from"), Iso] = None,
    newer: Annotated[date | None, Query(alias="to"), Iso] = None,
) -> HTMLResponse:
    """Two versions beside each other; without days the two latest."""
    with state.database.read() as session:
        law = laws.get_law(session, law_id)
        days = sorted(each.promulgated for each in law.versions)
        if len(days) < 2:
            raise HTTPException(404, f"《{law.name}》只收录了一个版本，没有可以比较的")
        newer = newer or next((day for day in reversed(days) if older is None or day > older), days[-1])
        older = older or next((day for day in reversed(days) if day < newer), days[0])
        found = laws.compare_versions(session, law_id, min(older, newer), max(older, newer))
    moved = [each for each in found.changes if each.change is Change.RENUMBERED]
    response = page(
        request, "laws_diff.html", found=found, law=law, moved=moved, badge=badge,
        changes=[each for each in found.changes if each.change is not Change.RENUMBERED],
        counts=[(change, found.count(change)) for change in Change if found.count(change)], address=f"/laws/{law_id}",
    )  # fmt: skip
    response.headers.update(_PUBLIC)
    return response


@router.get("/laws/{law_id}/articles/{number}")
def article(
    request: Request, law_id: LawId, number: str, state: StateDep, as_of: AsOf = None, version: InVersion = None
) -> HTMLResponse:
    with state.database.read() as session:
        found = laws.get_article(session, law_id, number, as_of, promulgated=version)
    day = _day(as_of, version)
    response = page(
        request,
        "article.html",
        found=found,
        in_force=found.version.status == Force.IN_FORCE,
        not_yet=found.version.status == Force.NOT_YET,
        previous=article_url(law_id, found.previous) + day if found.previous else "",
        following=article_url(law_id, found.following) + day if found.following else "",
        as_of=as_of,
        badge=badge,
        address=f"/laws/{law_id}",
        in_law=f"/laws/{law_id}{day}#{quote(found.article.number)}",
    )
    response.headers.update(_PUBLIC)
    return response


def _here(place: str, request: Request) -> dict[str, object]:
    """The region shown and changed at the top, and where to go back to after changing it."""
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return {"region": place, "regions": region_choices(place), "back": request.url.path + query}


def _verified(
    request: Request,
    place: str,
    text: str = "",
    checks: list[laws.CitationCheck] | None = None,
    *,
    error: str = "",
    status: int = 200,
) -> HTMLResponse:
    shown = [shown_check(number, check) for number, check in enumerate(checks or [], start=1)]
    return page(
        request, "laws_verify.html", status, text=text, checked=checks is not None, checks=shown, error=error,
        pieces=with_places(text, checks or []), wrong=sum(not each.good for each in shown), max_chars=_LONGEST_TEXT,
        address_of=article_url, **_here(place, request),
    )  # fmt: skip


def _day(as_of: date | None, version: date | None) -> str:
    """What of an address must go along so that the same version is read on."""
    if version is not None:
        return f"?version={version}"
    return f"?as_of={as_of}" if as_of is not None else ""
