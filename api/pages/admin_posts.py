"""The administration: posts 服务点 and their QR codes. Found among thousands with what came of them, entered, changed, printed."""

import io
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from sqlalchemy import func, select
from starlette.responses import HTMLResponse, Response

from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import STATES, Posted, Search, back, download, page_number, refused_page, shown
from api.state import State, StateDep
from channels.models import Post
from channels.posts import export_posts, figures_of, find_posts, save_post, set_post_active, sought_posts
from channels.sheets import post_code, post_url, print_sheets
from core.clock import now
from core.region_names import region_cell
from escalation.errors import NotFound, Refused

router = APIRouter(prefix="/admin/posts")

SHEET_MOST = 600
"""How many codes one PDF holds: a hundred pages. For more there is the command line."""
FIGURE_DAYS = 30
_FIELDS = ("名称", "地区", "编号", "负责人", "地址")


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    search = _search(request)
    until = now()
    with state.database.read() as session:
        sought = sought_posts(search["q"], search.region, search.active)
        found = find_posts(session, sought, page_number(request), until - timedelta(days=FIGURE_DAYS), until)
    return shown(
        request, "admin_posts.html", who, search=search, found=found, states=STATES, days=FIGURE_DAYS,
        sheet_most=SHEET_MOST, errors=search.errors,
    )  # fmt: skip


@router.post("/export")
def export(request: Request, who: ActingAdministrator, state: StateDep) -> Response:
    """What the list was searched for, as its query has it."""
    search = _search(request)
    _must_be_clear(search)
    with state.database.write() as session:
        content = export_posts(session, sought_posts(search["q"], search.region, search.active), who.actor)
    return download(content, f"服务点名册{now():%Y%m%d}.csv")


@router.get("/sheets")
def sheets(request: Request, _who: ReadingAdministrator, state: StateDep) -> Response:
    """Codes to print: of the posts that were ticked, else of all that the list was searched for. Only of those in use."""
    search = _search(request)
    _must_be_clear(search)
    codes = request.query_params.getlist("code")[:SHEET_MOST]
    wanted = sought_posts(search["q"], search.region, True)
    if request.query_params.get("only") == "ticked":
        if not codes:
            raise Refused("还没有选服务点。请先在名单里打勾，或打印全部。")
        wanted = sought_posts(active=True).where(Post.code.in_(codes))
    with state.database.read() as session:
        count = session.execute(select(func.count()).select_from(wanted.order_by(None).subquery())).scalar_one()
        if count > SHEET_MOST:
            raise Refused(
                f"有 {count} 个服务点，一次最多打印 {SHEET_MOST} 个。请按地区缩小范围，或用 wenfa posts sheets 命令。"
            )
        found = session.execute(wanted).scalars().all()
    if not found:
        raise NotFound("没有在用的服务点可以打印。")
    out = io.BytesIO()
    print_sheets(found, state.settings.site_url, out)
    return download(out.getvalue(), "服务点二维码.pdf", "application/pdf")


@router.get("/new")
def new_page(request: Request, who: ReadingAdministrator) -> HTMLResponse:
    return shown(request, "admin_post.html", who, **_form(None, dict.fromkeys(_FIELDS, "")))


@router.post("/new")
def enter(request: Request, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    cells = _cells(fields)
    try:
        with state.database.write() as session:
            code = save_post(session, cells, who.actor)
    except Refused as error:
        return refused_page(request, "admin_post.html", who, error, **_form(None, cells))
    return back(f"/admin/posts/{code}", "added")


@router.get("/{code}")
def post_page(request: Request, code: str, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return shown(request, "admin_post.html", who, **_look(state, code))


@router.post("/{code}")
def change(request: Request, code: str, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    context, cells = _look(state, code), _cells(fields) | {"编号": code}
    try:
        with state.database.write() as session:
            save_post(session, cells, who.actor, code)
    except Refused as error:
        return refused_page(request, "admin_post.html", who, error, **(context | {"form": cells}))
    return back(f"/admin/posts/{code}", "saved")


@router.get("/{code}/code.{kind}")
def picture(code: str, kind: Literal["svg", "png"], _who: ReadingAdministrator, state: StateDep) -> Response:
    post = _post(state, code)
    media_type = "image/svg+xml" if kind == "svg" else "image/png"
    return download(post_code(post, state.settings.site_url, kind), f"{post.name} {code}.{kind}", media_type)


@router.get("/{code}/active")
def confirm_page(request: Request, code: str, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    post = _post(state, code)
    says = [
        f"停用之后，扫{post.name}的二维码打开的是首页，不再按它的地区问，会话也不再记在它名下。贴出去的二维码请收回。",
        "以前的会话和统计都还在，编号不会给别的服务点用；以后可以随时恢复。",
    ]
    return shown(
        request, "admin_confirm.html", who, title=f"停用{post.name}", says=says, button="停用",
        action=f"/admin/posts/{code}/active", back=f"/admin/posts/{code}",
    )  # fmt: skip


@router.post("/{code}/active")
def set_active(
    code: str, who: ActingAdministrator, state: StateDep, active: Annotated[bool, Form()] = False
) -> Response:
    with state.database.write() as session:
        set_post_active(session, code, active, who.actor)
    return back(f"/admin/posts/{code}", "opened" if active else "closed")


def _search(request: Request) -> Search:
    return Search(request, "q", "region", "state")


def _must_be_clear(search: Search) -> None:
    """A file is of what was asked for, or there is none: the list may fall back to all, a file may not."""
    if error := search.errors.get("region"):
        raise Refused(error)


def _post(state: State, code: str) -> Post:
    with state.database.read() as session:
        found = session.get(Post, code)
    if found is None:
        raise NotFound("没有这个服务点。")
    return found


def _look(state: State, code: str) -> dict[str, object]:
    post, until = _post(state, code), now()
    with state.database.read() as session:
        figures = figures_of(session, [post], until - timedelta(days=FIGURE_DAYS), until)[0]
    cells = {
        "名称": post.name, "地区": region_cell(post.region), "编号": post.code, "负责人": post.keeper, "地址": post.address,
    }  # fmt: skip
    address = post_url(post, state.settings.site_url)
    return _form(post, cells) | {"figures": figures, "address": address, "days": FIGURE_DAYS}


def _form(post: Post | None, form: dict[str, str]) -> dict[str, object]:
    return {"post": post, "form": form, "figures": None, "address": "", "days": FIGURE_DAYS}


def _cells(fields: dict[str, str]) -> dict[str, str]:
    return {column: fields.get(column, "") for column in _FIELDS}
