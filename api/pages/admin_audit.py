"""The administration: the audit 审计记录. Read, searched, checked for gaps and changes, and taken along for others to check."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from api.auth.dependencies import LoggedIn
from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_check import begin_check, progress
from api.pages.admin_forms import Search, file_headers, refused_page, shown
from api.pages.rendering import HEADERS, fragment
from api.state import State, StateDep
from core.clock import from_local, now
from core.database import Database
from escalation import journal
from escalation.audit_reading import ACTORS, Sought, chain_state, read_audit
from escalation.chain import GENESIS, export_line, head, links
from escalation.errors import Refused
from escalation.verb_names import DETAILS, VERBS, verb_name

router = APIRouter(prefix="/admin/audit")

_MANY = 200
"""So many lines go out at once: one at a time each would be a packet of its own."""


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    search = Search(request, "since", "until", "actor", "verb", "subject")
    before = request.query_params.get("before", "")
    before = before if before.isdecimal() and len(before) < 19 else ""
    sought = _sought(search)
    with state.database.write() as session:
        found = read_audit(session, sought, int(before) if before else None, who.actor)
    verbs = [("", "全部"), *sorted(VERBS.items(), key=lambda each: each[1])]
    return shown(
        request, "admin_audit.html", who, search=search, found=found, verbs=verbs, verb_name=verb_name, actors=ACTORS,
        detail=_detail, before=before, errors=search.errors, **_chain(state, refused=""),
    )  # fmt: skip


@router.get("/check")
def check_standing(_who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    """How the chain stands, as a piece of the page: asked for again and again while a check is at work."""
    return HTMLResponse(fragment("_chain.html", **_chain(state, refused="")), headers=HEADERS)


@router.post("/check")
def check(request: Request, who: ActingAdministrator, state: StateDep) -> Response:
    try:
        begin_check(state, who.actor)
    except Refused as error:
        return _not_begun(request, who, error)
    return RedirectResponse("/admin/audit#chain", 303)


@router.post("/export")
def export(who: ActingAdministrator, state: StateDep) -> Response:
    """The chain as `wenfa audit export` writes it. A row that cannot be read breaks the transfer off: a copy that ended early
    would look like a chain whose tail is cut.
    """
    with state.database.write() as session:
        journal.audit(session, who.actor, "export_audit", "audit", rows=head(session).position)
    name = f"审计记录{now():%Y%m%d}.jsonl"
    return StreamingResponse(_lines(state.database), media_type="application/jsonl", headers=file_headers(name))


def _lines(database: Database) -> Iterator[bytes]:
    before, lines = GENESIS, []
    for link in links(database):
        lines.append(export_line(link, before))
        before = link.hash
        if len(lines) == _MANY:
            yield ("\n".join(lines) + "\n").encode()
            lines = []
    if lines:
        yield ("\n".join(lines) + "\n").encode()


def _chain(state: State, *, refused: str) -> dict[str, object]:
    with state.database.read() as session:
        found = chain_state(session)
    return {"chain": found, "progress": progress(state), "refused": refused}


def _not_begun(request: Request, who: LoggedIn, error: Refused) -> HTMLResponse:
    return refused_page(
        request, "admin_confirm.html", who, error, title="核对审计链", says=["可以再试一次。"], button="现在核对",
        action="/admin/audit/check", back="/admin/audit",
    )  # fmt: skip


def _sought(search: Search) -> Sought:
    since, until = _day(search, "since"), _day(search, "until")
    return Sought(
        from_local(datetime.combine(since, time())) if since else None,
        from_local(datetime.combine(until + timedelta(days=1), time())) if until else None,
        search["actor"], search["verb"], search["subject"],
    )  # fmt: skip


def _day(search: Search, name: str) -> date | None:
    try:
        return date.fromisoformat(search[name]) if search[name] else None
    except ValueError:
        search.errors[name] = "日期要写成 2026-01-31 的样子。这一项没有用上。"
        return None


def _detail(detail: dict[str, object]) -> list[tuple[str, str]]:
    """What a row holds besides, name by name."""
    return [
        (DETAILS.get(name, name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in detail.items()
    ]
