"""A lawyer's own figures 我的统计, `/desk/me`: what /v1/desk/me says, in a small table and in plain words."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.desk.me import MyDesk, MyPeriod, look
from api.pages.desk_frame import frame
from api.pages.rendering import page
from api.pages.staff import Reading, ReadingLawyer
from api.state import StateDep
from core.clock import now
from escalation.consultations import RATING_LEVELS

router = APIRouter(prefix="/desk")


@router.get("/me")
def me(request: Request, who: Reading, lawyer_id: ReadingLawyer, state: StateDep) -> HTMLResponse:
    found = look(state, lawyer_id)
    periods = (found.today, found.week, found.month)
    return page(
        request,
        "desk_me.html",
        200,
        **frame(state, who),
        at=now(),
        summary=_in_words(found),
        rows_of_figures=[
            ("推送给您的提问", [f"{each.pushed} 轮" for each in periods]),
            ("您写的解答", [f"{each.answers} 条" for each in periods]),
            ("解答了几轮", [f"{each.rounds} 轮" for each in periods]),
            ("其中前三位", [_share(each) for each in periods]),
            ("从推送到解答，中位数", [_length(each.median_s) for each in periods]),
            ("没有回音的推送", [f"{each.silent} 轮" for each in periods]),
        ],
        ratings=found.ratings,
        levels=RATING_LEVELS,
    )


def _in_words(found: MyDesk) -> str:
    """The table's gist in two sentences."""
    today, month = found.today, found.month
    if not month.answers:
        return "近 30 天您还没有解答过提问。有新的问题会出现在“等您解答”里。"
    begun = f"今天您解答了 {today.rounds} 轮提问" if today.rounds else "今天您还没有解答提问"
    pace = f"，一般在推送后 {_length(month.median_s)}内给出第一条" if month.median_s is not None else ""
    return f"{begun}，近 30 天共 {month.rounds} 轮{pace}。"


def _share(period: MyPeriod) -> str:
    return f"{period.first_three} 轮（{period.first_three / period.rounds:.0%}）" if period.rounds else "0 轮"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} 分 {rest} 秒" if minutes else f"{rest} 秒"
