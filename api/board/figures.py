"""/v1/board: the figures, as JSON or as CSV for a spreadsheet."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.board import looks, tables
from api.board.auth import SupervisorDep
from api.board.figure_schemas import (
    Axis,
    Breakdown,
    Knowledge,
    LawyerBreakdown,
    Media,
    Posts,
    Questions,
    Satisfaction,
    Silent,
    SilentOut,
    Summary,
    Timeline,
    WaitingNow,
)
from api.board.period import Period, asked_period
from api.state import StateDep
from core.regions import NATION
from escalation.figures.silence import silent_pushes

router = APIRouter(prefix="/v1/board", tags=["督导"])

PeriodDep = Annotated[Period, Depends(asked_period)]
RegionDep = Annotated[str, Query(max_length=6, description="地区代码，含其下各地；默认全国")]
FormDep = Annotated[Literal["json", "csv"], Query(alias="format", description="csv：给电子表格")]

_MOST_WAITING = 500
_MOST_SILENT = 500


@router.get("/summary", summary="承诺是否兑现")
def summary(_who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION) -> Summary:
    with state.database.read() as session:
        return looks.look_summary(session, period, region)


@router.get("/timeline", summary="承诺，按时间", response_model=Timeline)
def timeline(
    _who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION, form: FormDep = "json"
) -> Timeline | Response:
    with state.database.read() as session:
        found = looks.look_timeline(session, period, region)
    return found if form == "json" else _sheet(tables.timeline_table(found, state.policy))


@router.get("/breakdown", summary="承诺，按地区、层级、类别、渠道或律师", response_model=Breakdown | LawyerBreakdown)
def breakdown(
    _who: SupervisorDep,
    state: StateDep,
    period: PeriodDep,
    by: Annotated[Axis | Literal["lawyer"], Query()],
    region: RegionDep = NATION,
    form: FormDep = "json",
) -> Breakdown | LawyerBreakdown | Response:
    with state.database.read() as session:
        if by == "lawyer":
            lawyers = looks.look_lawyers(session, period, region)
            return lawyers if form == "json" else _sheet(tables.lawyer_table(lawyers))
        found = looks.look_breakdown(session, period, region, by)
    return found if form == "json" else _sheet(tables.breakdown_table(found, state.policy))


@router.get("/waiting", summary="现在谁在等", response_model=WaitingNow)
def waiting(
    _who: SupervisorDep, state: StateDep, region: RegionDep = NATION, form: FormDep = "json"
) -> WaitingNow | Response:
    with state.database.read() as session:
        found = looks.look_waiting(session, region, _MOST_WAITING)
    return found if form == "json" else _sheet(tables.waiting_table(found))


@router.get("/satisfaction", summary="好差评", response_model=Satisfaction)
def satisfaction(
    _who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION, form: FormDep = "json"
) -> Satisfaction | Response:
    with state.database.read() as session:
        found = looks.look_satisfaction(session, period, region)
    return found if form == "json" else _sheet(tables.satisfaction_table(found))


@router.get("/knowledge", summary="法规库回答了多少，之后又找律师的有多少", response_model=Knowledge)
def knowledge(
    _who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION, form: FormDep = "json"
) -> Knowledge | Response:
    with state.database.read() as session:
        found = looks.look_knowledge(session, period, region)
    return found if form == "json" else _sheet(tables.knowledge_table(found))


@router.get("/questions", summary="反复有人问、还没有卡片的问题", response_model=Questions)
def questions(
    _who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION, form: FormDep = "json"
) -> Questions | Response:
    with state.database.read() as session:
        found = looks.look_questions(session, period, region)
    return found if form == "json" else _sheet(tables.question_table(found))


@router.get("/silent", summary="推送后没有回音的律师（只计数，不处罚）", response_model=Silent)
def silent(
    _who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION, form: FormDep = "json"
) -> Silent | Response:
    with state.database.read() as session:
        lawyers = silent_pushes(session, period.since, period.until, region)
    found = Silent(lawyers=[SilentOut.of(each) for each in lawyers[:_MOST_SILENT]])
    return found if form == "json" else _sheet(tables.silent_table(found))


@router.get("/media", summary="通知律师的媒介", response_model=Media)
def media(_who: SupervisorDep, state: StateDep, form: FormDep = "json") -> Media | Response:
    with state.database.read() as session:
        found = looks.look_media(session)
    return found if form == "json" else _sheet(tables.media_table(found))


@router.get("/posts", summary="各服务点的会话、消息和咨询", response_model=Posts)
def posts(
    _who: SupervisorDep, state: StateDep, period: PeriodDep, region: RegionDep = NATION, form: FormDep = "json"
) -> Posts | Response:
    with state.database.read() as session:
        found = looks.look_posts(session, period, region)
    return found if form == "json" else _sheet(tables.post_table(found))


def csv_file(name: str, content: str) -> Response:
    """A CSV to be kept as `name`.csv (ASCII letters)."""
    return Response(
        content,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )


def _sheet(table: tables.Table) -> Response:
    return csv_file(table.name, table.as_csv())
