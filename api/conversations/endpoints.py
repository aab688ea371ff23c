"""/v1/conversations and /v1/consultations: the citizen's interface (design §8)."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from api.conversations.auth import Bearer, OwnConsultation, OwnConversation
from api.conversations.schemas import (
    Claimed,
    ConsultationBrief,
    ConversationStarted,
    MessageHandled,
    MessageList,
    RateConsultation,
    Rated,
    ReplyOut,
    StartConversation,
    WriteMessage,
)
from api.conversations.service import MessageService
from api.limits import allow
from api.state import State, StateDep
from channels.claims import make_claim
from escalation import consultations, conversations
from escalation.journal import conversation_topic
from escalation.models import Conversation, Message
from escalation.progress import Progress, progress_of

router = APIRouter(prefix="/v1", tags=["市民"])


def message_service(request: Request) -> MessageService:
    service: MessageService = request.app.state.messages
    return service


@router.post("/conversations", status_code=201, summary="开始一个会话")
def start(body: StartConversation, state: StateDep) -> ConversationStarted:
    with state.database.write() as session:
        region = body.region or state.settings.default_region
        conversation, token = conversations.start_conversation(session, body.channel, region)
        return ConversationStarted(conversation_id=conversation.id, token=token)


@router.post("/conversations/{conversation_id}/messages", summary="说一句话")
async def write(body: WriteMessage, conversation: OwnConversation, request: Request, state: StateDep) -> MessageHandled:
    await allow(state, str(conversation.id))
    message, replies, consultation = await message_service(request).receive(
        conversation.id, body.text, body.client_message_id, body.address_to
    )
    return MessageHandled(
        message_id=message.id,
        seq=message.seq,
        replies=[ReplyOut.of(reply) for reply in replies],
        consultation=ConsultationBrief.model_validate(consultation, from_attributes=True) if consultation else None,
    )


@router.get("/conversations/{conversation_id}/messages", summary="读会话")
def read(conversation: OwnConversation, state: StateDep, after: Annotated[int, Query(ge=0)] = 0) -> MessageList:
    messages, progress = look(state, conversation, after)
    return MessageList(messages=[ReplyOut.of(message) for message in messages], consultation=progress)


@router.get(
    "/conversations/{conversation_id}/events", response_class=EventSourceResponse, summary="实时跟随会话（SSE，可续传）"
)
async def events(
    conversation: OwnConversation, state: StateDep, last_event_id: Annotated[int, Header(ge=0)] = 0
) -> AsyncIterator[ServerSentEvent]:
    """Event `message` (id: its sequence number, to resume from) and event `consultation` (no id: the state as it stands)."""
    seq, told = last_event_id, None
    async for _ in state.hub.changes(conversation_topic(conversation.id)):
        messages, progress = await run_in_threadpool(look, state, conversation, seq)
        for message in messages:
            seq = message.seq
            yield ServerSentEvent(event="message", id=str(seq), data=ReplyOut.of(message).model_dump(mode="json"))
        if progress is not None and progress != told:
            told = progress
            yield ServerSentEvent(event="consultation", data=progress.model_dump(mode="json"))


@router.post("/conversations/{conversation_id}/claim", status_code=201, summary="取件码：在另一台设备上接着看")
def claim(conversation: OwnConversation, state: StateDep) -> Claimed:
    with state.database.write() as session:
        code, expires_at = make_claim(session, conversation.id, state.services.vault)
    return Claimed(code=code, url=f"{state.settings.site_url}/c/{code}", expires_at=expires_at)


@router.post("/conversations/{conversation_id}/end", status_code=204, summary="忘掉：这个凭证不再有效")
def end(conversation: OwnConversation, credentials: Bearer, state: StateDep) -> None:
    """For devices that others use next. What was said stays on record, and opens with other keys."""
    assert credentials is not None
    with state.database.write() as session:
        conversations.forget_token(session, conversation.id, credentials.credentials)


@router.post("/consultations/{consultation_id}/rating", summary="好差评")
def rate(body: RateConsultation, consultation: OwnConsultation, state: StateDep) -> Rated:
    with state.database.write() as session:
        rating = consultations.rate_consultation(session, consultation.id, body.level, body.comment)
        return Rated(consultation_id=consultation.id, level=rating.level, closing=rating.closing)


def look(state: State, conversation: Conversation, after: int) -> tuple[list[Message], Progress | None]:
    """What was said after this sequence number, and where the latest consultation stands."""
    with state.database.read() as session:
        messages = conversations.messages_after(session, conversation.id, after)
        consultation = consultations.latest_consultation(session, conversation.id)
        progress = progress_of(session, consultation) if consultation else None
    return messages, progress
