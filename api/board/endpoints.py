"""/v1/board: the supervisor's tasks (design §8). The figures are in `api.board.figures`."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.board.auth import SupervisorDep
from api.board.figures import PeriodDep, RegionDep, csv_file
from api.board.schemas import (
    AppealOut,
    Appeals,
    CallBackOut,
    CallBacks,
    DecideAppeal,
    Decided,
    Deliveries,
    DeliveryOut,
    FinishCallBack,
    Finished,
    Revealed,
)
from api.state import StateDep
from channels.orders import as_csv, as_json, export_orders
from core.regions import NATION
from core.security import Vault
from escalation import appeals, call_backs, deliveries
from escalation.dispatcher import nudge

router = APIRouter(prefix="/v1/board", tags=["督导"])


@router.get("/call-backs", summary="待办的回访")
def list_call_backs(_who: SupervisorDep, state: StateDep, region: RegionDep = NATION) -> CallBacks:
    with state.database.read() as session:
        found = call_backs.open_call_backs(session, region)
    return CallBacks(call_backs=[CallBackOut.of(each) for each in found])


@router.post("/call-backs/{call_back_id}/reveal", summary="查看电话号码（留下记录）")
def reveal(call_back_id: UUID, who: SupervisorDep, state: StateDep) -> Revealed:
    with state.database.write() as session:
        phone = call_backs.reveal_phone(session, call_back_id, who.staff.id, Vault(state.settings))
    return Revealed(id=call_back_id, phone=phone)


@router.post("/call-backs/{call_back_id}/done", summary="办结回访")
def finish(call_back_id: UUID, body: FinishCallBack, who: SupervisorDep, state: StateDep) -> Finished:
    with state.database.write() as session:
        task = call_backs.finish_call_back(session, call_back_id, who.staff.id, body.note)
    nudge(state.redis)
    return Finished.model_validate(task)


@router.get("/appeals", summary="待决定的申诉")
def list_appeals(_who: SupervisorDep, state: StateDep, region: RegionDep = NATION) -> Appeals:
    with state.database.read() as session:
        found = appeals.open_appeals(session, region)
    return Appeals(appeals=[AppealOut.of(each) for each in found])


@router.post("/appeals/{appeal_id}/decision", summary="决定申诉")
def decide(appeal_id: UUID, body: DecideAppeal, who: SupervisorDep, state: StateDep) -> Decided:
    with state.database.write() as session:
        found = appeals.decide_appeal(session, appeal_id, who.staff.id, body.upheld, body.decision)
    nudge(state.redis)
    return Decided.model_validate(found)


@router.get("/deliveries", summary="没有送达的通知")
def list_deliveries(
    _who: SupervisorDep, state: StateDep, _state: Annotated[Literal["dead"], Query(alias="state")] = "dead"
) -> Deliveries:
    with state.database.read() as session:
        found = deliveries.dead_deliveries(session)
    return Deliveries(deliveries=[DeliveryOut.of(each) for each in found])


@router.post("/deliveries/{delivery_id}/resend", status_code=204, summary="重发通知")
def resend(delivery_id: UUID, who: SupervisorDep, state: StateDep) -> None:
    with state.database.write() as session:
        deliveries.resend_delivery(session, delivery_id, who.actor)
    nudge(state.redis)


@router.get("/orders", summary="工单（含联系方式，留下记录）", response_class=Response)
def orders(
    who: SupervisorDep,
    state: StateDep,
    period: PeriodDep,
    region: RegionDep = NATION,
    channel: Annotated[Literal["", "hotline", "wechat", "kiosk", "web"], Query(description="只要这个渠道")] = "",
    form: Annotated[Literal["csv", "json"], Query(alias="format")] = "json",
) -> Response:
    with state.database.write() as session:
        found = export_orders(session, Vault(state.settings), period.since, period.until, region, channel, who.actor)
    if form == "json":
        return Response(as_json(found), media_type="application/json")
    return csv_file("orders", as_csv(found))
