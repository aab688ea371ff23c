"""HTML for browsers: templates, the addresses of static files, and the headers that every page carries."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import web
from bot.actions.wording import lawyer_title
from core.clock import local, now
from core.regions import full_name, get_region
from knowledge_base.names import short_name

WEB = Path(web.__file__).parent
STATIC = WEB / "static"
TYPE_COOKIE = "wenfa_type"

_NUMERAL = "[一二三四五六七八九十百千零两]"
_UNIT = "(?:个月|个工作日|工作日|小时|分钟|周岁|平方米|公里|[万亿]?元|[年月日天岁秒倍位名次份条款项%])"
_NUMBER = re.compile(
    rf"第(?:{_NUMERAL}|\d){{1,7}}[条款项章节编位次轮](?:之{_NUMERAL}{{1,3}})?|\d[\d,.:：-]* ?{_UNIT}?|{_NUMERAL}{{1,5}}{_UNIT}"
)
_WHOLE = Markup('<span class="whole">{}</span>')

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: that would make browsers send "Origin: null" with our own forms, which we could not tell from others'.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Pages hold a citizen's words: no shared cache may keep them.
    "Cache-Control": "no-store",
}


def page(request: Request, template: str, status: int = 200, /, **context: object) -> HTMLResponse:
    """A whole page, with the reader's choice of type size and the headers of every page."""
    html = _environment.get_template(template).render(
        large=request.cookies.get(TYPE_COOKIE) == "large", path=request.url.path, **context
    )
    return HTMLResponse(html, status, HEADERS)


def fragment(template: str, **context: object) -> str:
    """A piece of a page."""
    return _environment.get_template(template).render(**context)


def is_htmx(request: Request) -> bool:
    """The script asks for a piece of the page; without it the browser asks for all of it."""
    return request.headers.get("HX-Request") == "true"


def form_id() -> str:
    """A client message id for a form: what is sent twice from one form is one message."""
    return uuid4().hex


def asset(name: str) -> str:
    """The address of a static file, new whenever its content is new. Empty where the file has not been built."""
    path = STATIC / name
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        return ""
    return f"/static/{name}?v={_digest(path, changed)}"


@lru_cache(maxsize=64)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


class StaticAssets(StaticFiles):
    """Static files: kept for ever under the address that names their content, asked about again under any other."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        hashed = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def clock_time(moment: datetime) -> str:
    """As one says it today: 14:05; of another day: 11月22日 14:05."""
    there = local(moment)
    if there.date() == local(now()).date():
        return f"{there:%H:%M}"
    return f"{there.month}月{there.day}日 {there:%H:%M}"


def ago(moment: datetime) -> Markup:
    """How long ago, as one says it: 刚刚, 3分钟前, 14:05, 昨天 14:05. The page's script counts on from here."""
    there, today = local(moment), local(now())
    passed = now() - moment
    if passed < timedelta(minutes=1):
        said = "刚刚"
    elif passed < timedelta(hours=1):
        said = f"{passed.seconds // 60}分钟前"
    elif there.date() == today.date() - timedelta(days=1):
        said = f"昨天 {there:%H:%M}"
    elif there.year != today.year:
        said = f"{there.year}年{there.month}月{there.day}日"
    else:
        said = clock_time(moment)
    exactly = f"{there.year}年{there.month}月{there.day}日 {there:%H:%M}"
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(moment.isoformat(), exactly, said)


def unbroken(text: str) -> Markup:
    """The text with its numbers kept whole: 第三十八条, 10 分钟 and a telephone number never stand on two lines."""
    pieces, end = [], 0
    for found in _NUMBER.finditer(text):
        pieces += [escape(text[end : found.start()]), _WHOLE.format(found.group())]
        end = found.end()
    return Markup("").join([*pieces, escape(text[end:])])


def full_moment(moment: datetime) -> str:
    """To the second, for a record: 2026-11-22 14:05:30."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S}"


def epoch_ms(moment: datetime) -> int:
    """What a script counts with."""
    return round(moment.timestamp() * 1000)


def query(fields: Mapping[str, str]) -> str:
    """What a list is narrowed to, for the addresses of its pages: the fields that are filled."""
    return urlencode({name: value for name, value in fields.items() if value})


def _make_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "clock": clock_time,
        "ago": ago,
        "unbroken": unbroken,
        "moment": full_moment,
        "epoch_ms": epoch_ms,
        "lawyer_title": lawyer_title,
        "short_law": short_name,
        "region_name": full_name,
        "place_name": lambda code: get_region(code).name,
        "query": query,
    }
    environment.filters.update(filters)
    environment.globals.update(asset=asset, form_id=form_id, epoch_now=lambda: epoch_ms(now()))
    return environment


_environment = _make_environment()
