"""/v1/desk: the lawyer's interface (design §8)."""

from collections.abc import AsyncIterator
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth.dependencies import COOKIE, LawyerId
from api.conversations.schemas import ReplyOut
from api.desk import service
from api.desk.schemas import Answered, AnswerRound, Claimed, Thread, WaitingRound, WaitingRounds, as_json
from api.state import State, StateDep
from core.security import hash_token
from escalation import desk
from escalation.dispatcher import nudge

router = APIRouter(prefix="/v1/desk", tags=["律师"])


@router.get("/rounds", summary="等我解答的提问")
def rounds(lawyer_id: LawyerId, state: StateDep) -> WaitingRounds:
    return look(state, lawyer_id)


@router.get("/rounds/{round_id}", summary="一轮提问的来龙去脉")
def thread(round_id: UUID, lawyer_id: LawyerId, state: StateDep) -> Thread:
    with state.database.read() as session:
        round_, consultation, messages = desk.round_thread(session, round_id, lawyer_id)
    return Thread(
        round_id=round_.id,
        consultation=consultation.number,
        state=round_.state,
        quorum=round_.quorum,
        answered=round_.answered,
        messages=[ReplyOut.of(message) for message in messages],
    )


@router.post("/rounds/{round_id}/claim", summary="认领（再次认领为续期）")
def claim(round_id: UUID, lawyer_id: LawyerId, state: StateDep) -> Claimed:
    lease = service.claim(state, round_id, lawyer_id)
    nudge(state.redis)
    return Claimed(round_id=round_id, expires_at=lease.expires_at)


@router.post("/rounds/{round_id}/release", status_code=204, summary="放下")
def release(round_id: UUID, lawyer_id: LawyerId, state: StateDep) -> None:
    service.release(state, round_id, lawyer_id)
    nudge(state.redis)


@router.post("/rounds/{round_id}/answer", status_code=201, summary="解答")
def answer(round_id: UUID, body: AnswerRound, lawyer_id: LawyerId, state: StateDep) -> Answered:
    """引用不是现行有效的条文时返回 409 和 warnings（现行条文也在其中），把仍要引用的写进 confirmed 再发一次。"""
    message, citations = service.answer(
        state, round_id, lawyer_id, body.text, body.citations, body.client_message_id, body.confirmed
    )
    nudge(state.redis)
    return Answered(message_id=message.id, round_id=round_id, citations=citations)


@router.get("/events", response_class=EventSourceResponse, summary="实时队列（SSE）")
async def events(lawyer_id: LawyerId, request: Request, state: StateDep) -> AsyncIterator[ServerSentEvent]:
    """Event `rounds`: the whole queue, whenever it has changed. Nothing to resume: the next one says all.

    Ends with the log-in.
    """
    async for shown in state.desks.watch(lawyer_id, hash_token(request.cookies[COOKIE])):
        if shown is not None:
            rounds = ",".join(map(as_json, shown.rounds))
            yield ServerSentEvent(event="rounds", raw_data=f'{{"rounds":[{rounds}]}}')


def look(state: State, lawyer_id: UUID) -> WaitingRounds:
    """The lawyer's queue as it stands."""
    with state.database.read() as session:
        found = desk.waiting_rounds(session, lawyer_id)
    return WaitingRounds(rounds=[WaitingRound.of(each) for each in found])
