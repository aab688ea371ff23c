"""法规 /admin/laws: what is held and what is doubtful about it, files taken in with a report as it goes, the index brought up to date."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.knowledge.works import Kind, Work, Works
from api.pages.admin import ActingAdministrator, ReadingAdministrator, admin_page
from api.pages.admin_upload import DRAINED_MAX_BYTES, MEGABYTE, administrators_form
from api.pages.laws import LawId
from api.pages.rendering import HEADERS, fragment
from api.problems import status_of
from api.state import State, StateDep
from core.paging import Paged
from core.region_names import UnclearRegion, region_written
from escalation.errors import Refused
from escalation.journal import audit
from knowledge_base.laws.holdings import Doubt, find_holdings, get_holding, regions_held
from knowledge_base.models import Force, Rank
from knowledge_base.status import Outline, get_outline

router = APIRouter(prefix="/admin/laws")

_A_PAGE = 30
MAX_BYTES = 32 * MEGABYTE
MAX_FILES = 200
_MOST_PARTS = 2000  # more than MAX_FILES, so that whoever sends too many is told in our words
_TAKEN = ".docx,.md,.txt"


@router.get("")
def laws(
    request: Request,
    who: ReadingAdministrator,
    state: StateDep,
    q: Annotated[str, Query(max_length=100)] = "",
    rank: Annotated[str, Query()] = "",
    region: Annotated[str, Query()] = "",
    status: Annotated[str, Query()] = "",
    doubt: Annotated[str, Query()] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    return _page(request, state, who, q, rank, region, status, doubt, number)


@router.get("/work")
def work(who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    """What goes on in the background, as it stands: the page asks for it every second while something does."""
    works = _works(state)
    standing = None
    if not works["running"]:
        with state.database.read() as session:
            standing = _standing(state, get_outline(state.settings, session))
    return HTMLResponse(
        fragment("_admin_work.html", said=True, standing=standing, csrf_token=who.csrf_token, **works), headers=HEADERS
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    who: LoggedIn
    files: list[UploadFile]
    region: str = ""
    too_large: str = ""
    """Why there are no files, in a sentence."""


async def _sent(request: Request, state: StateDep) -> _Sent:
    who, form = await administrators_form(request, state, MAX_BYTES, _MOST_PARTS)
    if isinstance(form, int):
        most = MAX_BYTES // MEGABYTE
        return _Sent(who, [], too_large=f"这些文件一共 {form} MB，一次最多上传 {most} MB，请分几次上传。")
    files = [each for each in form.getlist("files") if isinstance(each, UploadFile)]
    return _Sent(who, files, str(form.get("region", "")))


@router.post("/import", max_body_size=DRAINED_MAX_BYTES)
def take_in(request: Request, sent: Annotated[_Sent, Depends(_sent)], state: StateDep) -> Response:
    who = sent.who
    try:
        if sent.too_large:
            raise Refused(sent.too_large, "files")
        named = _named(sent.files)
        place = _place(sent.region)
        started = Works(state.settings).take_in(named, place, who.staff.name, who.actor)
        with state.database.write() as session:
            audit(
                session,
                who.actor,
                "import_laws",
                started.id,
                files=[name for name, _ in named][:50],
                region=place or "",
            )
    except Refused as refused:
        return _page(request, state, who, refused=refused, import_region=sent.region)
    return RedirectResponse("/admin/laws#work", 303)


@router.post("/build")
def build(
    request: Request, who: ActingAdministrator, state: StateDep, encode: Annotated[bool, Form()] = False
) -> Response:
    """Bring the index up to date; with `encode` work out the missing vectors first."""
    try:
        then = state.knowledge_base.reload if state.knowledge_base is not None else (lambda: None)
        Works(state.settings).build(who.staff.name, who.actor, encode=encode, then=then)
        with state.database.write() as session:
            audit(session, who.actor, "build_index", "index", encode=encode)
    except Refused as refused:
        return _page(request, state, who, refused=refused)
    return RedirectResponse("/admin/laws#work", 303)


@router.get("/{law_id}")
def law(request: Request, law_id: LawId, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    with state.database.read() as session:
        held = get_holding(session, UUID(str(law_id)))
    return admin_page(request, "admin_law.html", who, law=held)


def _page(
    request: Request,
    state: State,
    who: LoggedIn,
    q: str = "",
    rank: str = "",
    region: str = "",
    status: str = "",
    doubt: str = "",
    number: int = 1,
    *,
    refused: Refused | None = None,
    import_region: str = "",
) -> HTMLResponse:
    chosen = {"q": q.strip(), "rank": rank, "region": region, "status": status, "doubt": doubt}
    with state.database.read() as session:
        places = regions_held(session)
        found = find_holdings(
            session, chosen["q"], rank=rank, region=region if region in places else "", status=status, doubt=doubt,
            limit=_A_PAGE, offset=(number - 1) * _A_PAGE,
        )  # fmt: skip
        outline = get_outline(state.settings, session)
    return admin_page(
        request, "admin_laws.html", who, status_of(refused) if refused else 200, chosen=chosen, found=found,
        outline=outline, standing=_standing(state, outline), ranks=list(Rank), places=places, forces=list(Force),
        doubts=list(Doubt), listed=Paged(found.laws, found.total, number, _A_PAGE),
        filtered=any(chosen.values()), error=refused.message if refused else "", field=refused.field if refused else "",
        import_region=import_region, most=MAX_BYTES // MEGABYTE, max_files=MAX_FILES, accept=_TAKEN,
        most_bytes=MAX_BYTES, said=False, **_works(state),
    )  # fmt: skip


def _standing(state: State, outline: Outline) -> tuple[str, str]:
    """(tone, sentence) of the index: whether it serves, and whether it has all that the record has."""
    knowledge_base = state.knowledge_base
    if outline.index == "":
        return "late", "还没有检索索引，市民的问题一律转给律师。导入法规后请建立索引，再重新启动服务。"
    if knowledge_base is None:
        return "late", "检索索引打不开，市民的问题一律转给律师。请重新建立索引，再重新启动服务。"
    if not outline.up_to_date:
        return "late", "法规库或卡片已有变化，索引里还没有。请建立索引，建好后自动换上，不用重新启动。"
    if knowledge_base.index_name != outline.index:
        return "", "新索引已建好，几秒后自动换上。"
    return "good", "索引与法规库一致，正在使用。"


def _works(state: State) -> dict[str, object]:
    works = Works(state.settings)
    shown: list[Work] = [work for kind in (Kind.IMPORT, Kind.BUILD) if (work := works.last(kind)) is not None]
    knowledge_base = state.knowledge_base
    encoded = knowledge_base.encoded if knowledge_base is not None else (0, 0)
    running = {work.kind for work in shown if work.state == "running"}
    return {
        "works": shown,
        "running": bool(running),
        "importing": Kind.IMPORT in running,
        "building": Kind.BUILD in running,
        "not_encoded": encoded[1] - encoded[0],
    }


def _named(files: list[UploadFile]) -> list[tuple[str, bytes]]:
    """The files under names that are safe and unlike each other: a second one of a name goes into a folder of its own."""
    found: list[tuple[str, bytes]] = []
    for file in files:
        name = PurePath((file.filename or "").replace("\\", "/")).name.lstrip(".")
        # The end of a name says the day and the kind; a file system takes 255 bytes.
        name = "".join(char for char in name if char.isprintable()).strip()[-80:]
        if not name:
            continue
        while any(name == other for other, _ in found):
            name = f"{len(found) + 1}/{PurePath(name).name}"
        found.append((name, file.file.read()))
    if not found:
        raise Refused("请先选择文件：.docx、.md 或 .txt，可以一次选几个。", "files")
    if len(found) > MAX_FILES:
        raise Refused(f"一次最多 {MAX_FILES} 个文件，现在有 {len(found)} 个，请分几次导入。", "files")
    return found


def _place(region: str) -> str | None:
    if not region.strip():
        return None
    try:
        return region_written(region).code
    except UnclearRegion as error:
        raise Refused(f"{error}。", "region") from error
