"""/v1/office: requests on an office's desk (accept, ask back, appoint, hand on, finish, decline)."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from api.offices.auth import WorkerDep
from api.offices.schemas import Accept, Appoint, HandOn, OfficeOut, Offices, Phone, RequestOut, Requests, Words
from api.state import State, StateDep
from escalation.dispatcher import nudge
from services import requests
from services.models import ServiceRequest
from services.offices import all_offices

router = APIRouter(prefix="/v1/office", tags=["办事"])


@router.get("/requests", summary="我们机构的申请")
def list_requests(
    worker: WorkerDep, state: StateDep, over: Annotated[bool, Query(description="已了结的")] = False
) -> Requests:
    """A supervisor sees those that no office has got."""
    with state.database.read() as session:
        return Requests(requests=RequestOut.all(session, requests.requests_at(session, worker, over=over)))


@router.get("/requests/{request_id}", summary="一份申请")
def one(request_id: UUID, worker: WorkerDep, state: StateDep) -> RequestOut:
    with state.database.read() as session:
        return RequestOut.all(session, [requests.find_request(session, request_id, worker)])[0]


@router.get("/offices", summary="可以转交的机构")
def offices(_worker: WorkerDep, state: StateDep, service: Annotated[str, Query(max_length=32)] = "") -> Offices:
    with state.database.read() as session:
        return Offices(offices=[OfficeOut.of(each) for each in all_offices(session, service)])


@router.post("/requests/{request_id}/accept", summary="受理")
def accept(request_id: UUID, body: Accept, worker: WorkerDep, state: StateDep) -> RequestOut:
    return _done(state, lambda session: requests.accept_request(session, request_id, worker, body.words))


@router.post("/requests/{request_id}/ask", summary="请市民补充")
def ask(request_id: UUID, body: Words, worker: WorkerDep, state: StateDep) -> RequestOut:
    return _done(state, lambda session: requests.ask_citizen(session, request_id, worker, body.words))


@router.post("/requests/{request_id}/appoint", summary="约定时间")
def appoint(request_id: UUID, body: Appoint, worker: WorkerDep, state: StateDep) -> RequestOut:
    return _done(state, lambda session: requests.appoint(session, request_id, worker, body.at, body.place, body.words))


@router.post("/requests/{request_id}/hand-on", summary="转交其他机构")
def hand_on(request_id: UUID, body: HandOn, worker: WorkerDep, state: StateDep) -> RequestOut:
    return _done(
        state,
        lambda session: requests.hand_on(session, request_id, worker, body.office_id, body.service, body.words),
    )


@router.post("/requests/{request_id}/finish", summary="办结")
def finish(request_id: UUID, body: Words, worker: WorkerDep, state: StateDep) -> RequestOut:
    return _done(state, lambda session: requests.finish_request(session, request_id, worker, body.words))


@router.post("/requests/{request_id}/decline", summary="不予受理")
def decline(request_id: UUID, body: Words, worker: WorkerDep, state: StateDep) -> RequestOut:
    return _done(state, lambda session: requests.decline_request(session, request_id, worker, body.words))


@router.post("/requests/{request_id}/reveal", summary="查看电话号码（留下记录）")
def reveal(request_id: UUID, worker: WorkerDep, state: StateDep) -> Phone:
    with state.database.write() as session:
        found = requests.reveal_phones(session, request_id, worker, state.services.vault)
    return Phone(id=request_id, phone=found.citizen, other_phone=found.other_party)


def _done(state: State, verb: Callable[[Session], ServiceRequest]) -> RequestOut:
    with state.database.write() as session:
        found = RequestOut.all(session, [verb(session)])[0]
    nudge(state.redis)
    return found
