"""Conversations 会话 and their messages: stored before anything is done about them, in one unbroken order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id, new_token
from core.regions import get_region
from core.security import hash_token, same
from escalation.errors import NotFound
from escalation.journal import audit, conversation_topic, emit
from escalation.models import Consultation, Conversation, ConversationKey, Message
from escalation.replies import Choice, Reply, ReplyKind

CARRIED = frozenset({"hotline", "wechat"})
"""Channels whose citizens do not look: what is said there has to be taken to them (channels/)."""
_REPLY_DATA = {"citations", "choices", "confidence", "expects"}

KEY_DAYS = 90
_RECENT = 20
DISCLAIMER = "这是依据公开法规的一般说明，不代替律师针对您个案的意见。"


@dataclass(frozen=True, slots=True)
class Received:
    message: Message
    fresh: bool
    """False when this client message id had been stored before."""


def start_conversation(
    session: Session, channel: str, region: str, post: str | None = None
) -> tuple[Conversation, str]:
    """A new conversation and the token that opens it, which is told once and not stored. Raises UnknownRegion."""
    get_region(region)
    token = new_token()
    conversation = Conversation(id=new_id(), channel=channel, region=region, token_hash=hash_token(token), post=post)
    session.add(conversation)
    audit(session, f"citizen:{conversation.id}", "start_conversation", conversation.id, channel=channel, region=region)
    return conversation, token


def open_with_token(session: Session, conversation_id: UUID, token: str) -> Conversation:
    """The conversation that this token, or a key made for it, opens. Raises NotFound, whether conversation or token is wrong."""
    conversation = session.get(Conversation, conversation_id)
    hashed = hash_token(token)
    if conversation is None or not (
        same(conversation.token_hash, hashed) or _key_opens(session, conversation_id, hashed)
    ):
        raise NotFound("没有这个会话，或凭证不对。请重新打开页面开始咨询。")
    return conversation


def forget_token(session: Session, conversation_id: UUID, token: str) -> None:
    """This token, or key, opens the conversation no longer; what others hold does."""
    conversation, hashed = _locked(session, conversation_id), hash_token(token)
    if same(conversation.token_hash, hashed):
        conversation.token_hash = hash_token(new_token())
    else:
        session.execute(delete(ConversationKey).where(ConversationKey.token_hash == hashed))
    audit(session, f"citizen:{conversation_id}", "forget_token", conversation_id)


def make_key(session: Session, conversation_id: UUID, actor: str) -> str:
    """A further token to the conversation, good for KEY_DAYS; told once and not stored."""
    token, at = new_token(), database_now(session)
    session.add(
        ConversationKey(
            token_hash=hash_token(token), conversation_id=conversation_id, expires_at=at + timedelta(days=KEY_DAYS)
        )
    )
    audit(session, actor, "make_key", conversation_id)
    return token


def _key_opens(session: Session, conversation_id: UUID, hashed: str) -> bool:
    key = session.get(ConversationKey, hashed)
    return key is not None and key.conversation_id == conversation_id and key.expires_at > database_now(session)


def lock_conversation(session: Session, conversation_id: UUID, *, skip_locked: bool = False) -> Conversation | None:
    """The conversation, held until the transaction ends: all that happens in it happens one after the other.

    None only with `skip_locked`, when another transaction holds it. A session is one transaction: what it holds, it holds.
    """
    held: dict[UUID, Conversation] = session.info.setdefault("conversations", {})
    if conversation_id in held:
        # As a query would: what the caller refreshes next must not lose what this transaction has changed.
        session.flush()
        return held[conversation_id]
    statement = select(Conversation).where(Conversation.id == conversation_id)
    statement = statement.with_for_update(skip_locked=skip_locked).execution_options(populate_existing=True)
    conversation = session.execute(statement).scalar_one_or_none()
    if conversation is None and not skip_locked:
        raise NotFound("没有这个会话。")
    if conversation is not None:
        held[conversation_id] = conversation
    return conversation


def receive_message(
    session: Session,
    conversation_id: UUID,
    text: str,
    client_message_id: str,
    *,
    payload: str | None = None,
    address_to: Sequence[UUID] = (),
) -> Received:
    """Store what a citizen wrote; the same client message id a second time gives the message stored the first time."""
    conversation = _locked(session, conversation_id)
    known = session.execute(
        select(Message).where(
            Message.conversation_id == conversation_id, Message.client_message_id == client_message_id
        )
    ).scalar_one_or_none()
    if known is not None:
        return Received(known, fresh=False)
    data: dict[str, Any] = {}
    if payload:
        data["payload"] = payload
    if address_to:
        data["address_to"] = [str(lawyer_id) for lawyer_id in address_to]
    message = _append(
        session,
        conversation,
        author="citizen",
        kind="choice" if payload else "text",
        text=text,
        data=data,
        client_message_id=client_message_id,
    )
    return Received(message, fresh=True)


def record_replies(session: Session, message: Message, replies: Sequence[Reply]) -> list[Message]:
    """Store the service's replies to a message and mark it handled. Done once: later calls return what was stored first."""
    conversation, message_id = _locked(session, message.conversation_id), message.id
    message = session.get_one(Message, message_id, populate_existing=True)
    if message.handled_at is not None:
        return replies_to(session, message_id)
    stored = []
    for ordinal, reply in enumerate(replies):
        said = reply
        if reply.kind == "answer" and not conversation.disclaimed:
            conversation.disclaimed = True
            said = reply.model_copy(update={"text": f"{reply.text}\n\n{DISCLAIMER}"})
        stored.append(
            _append(
                session,
                conversation,
                author="service",
                kind=said.kind,
                text=said.text,
                data=said.model_dump(include=_REPLY_DATA, exclude_none=True),
                in_reply_to=message_id,
                ordinal=ordinal,
            )
        )
    message.handled_at = database_now(session)
    return stored


def say(session: Session, conversation_id: UUID, reply: Reply, consultation_id: UUID | None = None) -> Message:
    """Append a bubble that nobody asked for just now, such as a notice that the promise could not be kept."""
    return _append(
        session,
        _locked(session, conversation_id),
        author="service",
        kind=reply.kind,
        text=reply.text,
        data=reply.model_dump(include=_REPLY_DATA, exclude_none=True),
        consultation_id=consultation_id,
    )


def append_lawyer_message(
    session: Session,
    conversation: Conversation,
    consultation: Consultation,
    lawyer_id: UUID,
    text: str,
    data: dict[str, Any],
    client_message_id: str | None = None,
    kind: ReplyKind = "lawyer_answer",
) -> Message:
    """Store a lawyer's answer, or what else they tell the citizen, in the conversation, whose lock the caller holds."""
    return _append(
        session,
        conversation,
        author="lawyer",
        kind=kind,
        text=text,
        data=data,
        client_message_id=client_message_id,
        consultation_id=consultation.id,
        lawyer_id=lawyer_id,
    )


def set_region(session: Session, conversation_id: UUID, region: str) -> None:
    """Whose law and whose lawyers are meant from now on. Raises UnknownRegion."""
    get_region(region)
    conversation = _locked(session, conversation_id)
    conversation.region = region
    audit(session, f"citizen:{conversation_id}", "set_region", conversation_id, region=region)
    emit(session, conversation_topic(conversation_id), "region")


def messages_after(session: Session, conversation_id: UUID, seq: int, limit: int = 500) -> list[Message]:
    """The messages after this sequence number, in order."""
    statement = select(Message).where(Message.conversation_id == conversation_id, Message.seq > seq)
    return list(session.execute(statement.order_by(Message.seq).limit(limit)).scalars())


def replies_to(session: Session, message_id: UUID) -> list[Message]:
    """What the service answered to this message, in order."""
    statement = select(Message).where(Message.in_reply_to == message_id).order_by(Message.ordinal)
    return list(session.execute(statement).scalars())


def recent_messages(session: Session, conversation_id: UUID, before_seq: int | None = None) -> Sequence[Message]:
    """The latest messages, or those before a sequence number, the latest first."""
    statement = select(Message).where(Message.conversation_id == conversation_id)
    if before_seq is not None:
        statement = statement.where(Message.seq < before_seq)
    return session.execute(statement.order_by(Message.seq.desc()).limit(_RECENT)).scalars().all()


def last_question(session: Session, conversation_id: UUID, before_seq: int) -> Message | None:
    """The citizen's last typed message before this sequence number that went to no lawyer: what "ask a person" is about."""
    statement = select(Message).where(
        Message.conversation_id == conversation_id,
        Message.author == "citizen",
        Message.kind == "text",
        Message.consultation_id.is_(None),
        Message.seq < before_seq,
    )
    return session.execute(statement.order_by(Message.seq.desc()).limit(1)).scalar_one_or_none()


def unhandled_messages(session: Session, before: datetime, limit: int = 100) -> list[Message]:
    """Citizens' messages that were stored but not dealt with: the process that had them is dead. Oldest first."""
    statement = (
        select(Message)
        .where(Message.handled_at.is_(None), Message.author == "citizen", Message.created_at < before)
        .order_by(Message.created_at)
        .limit(limit)
    )
    return list(session.execute(statement).scalars())


def offered_choice(session: Session, conversation_id: UUID, payload: str) -> Choice | None:
    """The choice with this payload that was last offered in the conversation; None if it was never offered there."""
    statement = (
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.author == "service")
        .order_by(Message.seq.desc())
        .limit(50)
    )
    for message in session.execute(statement).scalars():
        for choice in message.data.get("choices", ()):
            if choice["payload"] == payload:
                return Choice.model_validate(choice)
    return None


def _locked(session: Session, conversation_id: UUID) -> Conversation:
    conversation = lock_conversation(session, conversation_id)
    assert conversation is not None
    return conversation


def _append(session: Session, conversation: Conversation, **columns: Any) -> Message:
    conversation.last_seq += 1
    created_at = database_now(session)
    if conversation.channel in CARRIED and columns["author"] != "citizen" and conversation.outgoing_at is None:
        conversation.outgoing_at = created_at
    message = Message(
        id=new_id(), conversation_id=conversation.id, seq=conversation.last_seq, created_at=created_at, **columns
    )
    session.add(message)
    session.flush()
    emit(session, conversation_topic(conversation.id), "message", seq=message.seq)
    return message
