"""The board's figures as pages: is the promise kept, what waits now, what is to be done; the same of a narrower place or time."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse

from api.auth.dependencies import LoggedIn
from api.board import looks, tables
from api.board.figure_schemas import TIERS, LawyerBreakdown, LawyerRow, Share, Summary
from api.board.tables import length, plain, shown
from api.pages.board import ReadingSupervisor
from api.pages.board_scope import Scope, asked_scope
from api.pages.rendering import HEADERS, fragment, is_htmx, page
from api.state import StateDep
from bot.actions.wording import minutes
from core.paging import page_of
from core.regions import NATION
from escalation.policy import Policy
from services.requests import unplaced_requests

router = APIRouter(prefix="/board")

ScopeDep = Annotated[Scope, Depends(asked_scope)]

_WAITING_SHOWN = 20
_MOST_WAITING = 500
_POSTS_SHOWN = 20
ORDERS = {"answered": "解答最多", "silent": "没有回音最多", "slow": "解答最慢", "dissatisfied": "不满意最多"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure with the words that say what it is."""

    name: str
    value: str
    note: str = ""
    tone: str = ""
    """late: a promise broken."""
    link: str = ""


@router.get("")
def board(request: Request, who: ReadingSupervisor, state: StateDep, scope: ScopeDep) -> HTMLResponse:
    """The first page: today and all of the country, unless the address says otherwise."""
    with state.database.read() as session:
        found = looks.look_overview(session, scope.period, scope.region)
        waiting = looks.look_waiting(session, scope.region, _WAITING_SHOWN)
        unplaced = unplaced_requests(session)
    posts = tables.post_table(found.posts)
    return _page(
        request,
        "board.html",
        who,
        scope,
        promise=_promise_tiles(found.summary, state.policy),
        judged=_judged_tiles(found),
        law=_law_tiles(found),
        tasks=_tasks(found, unplaced, scope),
        timeline=tables.timeline_table(found.timeline, state.policy),
        breakdowns=[tables.breakdown_table(each, state.policy) for each in found.breakdowns.values()],
        satisfaction=tables.satisfaction_table(found.satisfaction),
        knowledge=tables.knowledge_table(found.knowledge),
        questions=tables.question_table(found.questions),
        media=tables.media_table(found.media),
        posts=posts,
        posts_shown=_POSTS_SHOWN,
        waiting=waiting,
    )


@router.get("/waiting")
def waiting(request: Request, who: ReadingSupervisor, state: StateDep, scope: ScopeDep) -> HTMLResponse:
    """Who waits now: for the first page, which asks again and again, its piece; for everybody else the whole list."""
    piece = is_htmx(request)
    with state.database.read() as session:
        found = looks.look_waiting(session, scope.region, _WAITING_SHOWN if piece else _MOST_WAITING)
    if piece:
        html = fragment("_board_waiting.html", waiting=found, scope=scope, tiers=TIERS, whole=False)
        return HTMLResponse(html, headers=HEADERS)
    return _page(request, "board_waiting.html", who, scope, waiting=found, whole=True)


@router.get("/lawyers")
def lawyers(
    request: Request,
    who: ReadingSupervisor,
    state: StateDep,
    scope: ScopeDep,
    order: Annotated[str, Query(max_length=20)] = "answered",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """What each lawyer of the region did in the period."""
    order = order if order in ORDERS else "answered"
    with state.database.read() as session:
        found = looks.look_lawyers(session, scope.period, scope.region)
    listed = page_of(_ordered(found, order), number)
    table = tables.lawyer_table(found.model_copy(update={"rows": listed.rows}))
    return _page(
        request, "board_lawyers.html", who, scope, table=table, listed=listed, order=order, orders=ORDERS,
    )  # fmt: skip


def _ordered(found: LawyerBreakdown, order: str) -> list[LawyerRow]:
    def first(row: LawyerRow) -> float:
        return -float({"silent": row.silent, "slow": row.median_s or 0, "dissatisfied": row.dissatisfied}[order])

    return found.rows if order == "answered" else sorted(found.rows, key=first)


def _page(request: Request, template: str, who: LoggedIn, scope: Scope, /, **context: object) -> HTMLResponse:
    return page(
        request,
        template,
        422 if scope.errors else 200,
        account=who.staff,
        csrf_token=who.csrf_token,
        scope=scope,
        tiers=TIERS,
        shown=shown,
        plain=plain,
        **context,
    )


def _promise_tiles(summary: Summary, policy: Policy) -> list[Tile]:
    promise = summary.promise
    three, six, ten = map(minutes, (policy.province_after, policy.nation_after, policy.broken_after))
    first, third = length(promise.first_median_s), length(promise.third_median_s)
    return [
        _share_tile(f"首问 {ten}内有 {policy.quorum} 位律师解答", promise.questions.quorum_10),
        _share_tile(f"追问 {ten}内有律师解答", promise.follow_ups.quorum_10),
        Tile("承诺落空", f"{promise.broken} 轮", f"共 {promise.rounds} 轮提问", "late" if promise.broken else ""),
        _share_tile(f"{three}内有律师解答", promise.first_3),
        _share_tile(f"{six}内有律师解答", promise.first_6),
        _share_tile(f"{ten}内有律师解答", promise.first_10),
        Tile(
            "首位律师解答，一半在",
            f"{first}内" if promise.first_median_s else "—",
            f"九成在 {length(promise.first_p90_s)}内" if promise.first_p90_s else "",
        ),
        Tile(
            "第三位律师解答，一半在",
            f"{third}内" if promise.third_median_s else "—",
            f"九成在 {length(promise.third_p90_s)}内" if promise.third_p90_s else "",
        ),
    ]


def _judged_tiles(found: looks.Overview) -> list[Tile]:
    judged = found.satisfaction
    return [
        Tile("基本满意以上", _percent(judged.satisfied_share), f"共 {judged.ratings} 次评价"),
        Tile("参评率", _percent(judged.rated_share), f"办结 {judged.closed} 次，评价 {judged.rated} 次"),
    ]


def _law_tiles(found: looks.Overview) -> list[Tile]:
    law = found.knowledge
    return [
        Tile("法规库直接回答", _percent(law.answered_share), f"回答 {law.answered} 次，直接转律师 {law.straight} 次"),
        Tile(f"回答后 {law.turned_within_h:g} 小时内又找律师", _percent(law.turned_share), f"{law.turned} 次"),
    ]


def _tasks(found: looks.Overview, unplaced: int, scope: Scope) -> list[Tile]:
    """What a supervisor has to do, in the region; what nobody can send is everybody's."""
    address = "/board/tasks" + (f"?region={scope.region}" if scope.region != NATION else "")
    dead = sum(each.dead for each in found.media.media)
    todo = [
        Tile("待办回访", str(found.summary.open_call_backs), "承诺落空和不满意", link=f"{address}#call-backs"),
        Tile("待决定的申诉", str(found.summary.open_appeals), "", link=f"{address}#appeals"),
        Tile("没有送达的通知", str(dead), "", link=f"{address}#deliveries"),
    ]
    if unplaced:
        todo.append(Tile("没有受理机构的申请", str(unplaced), "待转交", link="/office"))
    return todo


def _share_tile(name: str, share: Share) -> Tile:
    return Tile(name, _percent(share.share), f"{share.in_time} / {share.of} 轮" if share.of else "还没有到期的")


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"
