"""Where the citizen is: province, then prefecture. Two short lists instead of one of 3,400 names."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.pages import citizen
from api.pages.citizen import FromThisSite, OwnChat
from api.pages.rendering import HEADERS, fragment
from api.state import StateDep
from core.regions import NATION, Region, all_regions, lineage
from escalation import conversations

router = APIRouter()


@dataclass(frozen=True, slots=True)
class RegionChoices:
    """The two lists, and what is chosen in each ("" for the whole of it)."""

    province: str
    place: str
    provinces: list[Region]
    places: list[Region]


def region_choices(code: str) -> RegionChoices:
    """The lists as they stand for this region. A county stands under its prefecture."""
    above = [each for each in reversed(lineage(code)) if each != NATION]
    provinces = [region for region in all_regions().values() if region.level == "province"]
    province = above[0] if above else ""
    return RegionChoices(province, above[1] if len(above) > 1 else "", provinces, _places(province))


@router.get("/chat/places")
def places(province: Annotated[str, Query()] = "") -> HTMLResponse:
    """The second list, when another province is chosen in the first."""
    found = _places(province) if citizen.is_region(province) else []
    return HTMLResponse(fragment("_places.html", places=found, place=""), headers=HEADERS)


@router.post("/chat/region", dependencies=[FromThisSite])
def choose(
    state: StateDep,
    conversation: OwnChat,
    province: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
) -> Response:
    """Law and lawyers of this place from now on. A place that lies in another province gives way to the province."""
    code = place if citizen.is_region(place) and province in lineage(place) else province or NATION
    response = RedirectResponse("/", 303)
    if citizen.is_region(code):
        if conversation is not None:
            with state.database.write() as session:
                conversations.set_region(session, conversation.id, code)
        response.set_cookie(citizen.REGION_COOKIE, code, citizen.KEPT_SECONDS, httponly=True, samesite="lax")
    return response


def _places(province: str) -> list[Region]:
    """What lies directly in a province: its prefectures, and the counties it governs itself."""
    return [region for region in all_regions().values() if province and region.parent == province]
