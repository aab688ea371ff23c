"""What is on its way to callers, as the record has it: taken for a while, sent by `channels.carrier`, recorded.

A conversation whose `outgoing_at` has come is taken by moving that ahead: if whoever took it dies, it falls due again. So each
message is carried at least once, in order; its id goes along where the channel can tell a second one from the first.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.adapter import Adapter, End, Parcel
from channels.models import Caller, MessageDelivery
from channels.writing import payloads
from core.database import database_now
from core.security import Vault
from escalation.consultations import latest_consultation
from escalation.conversations import lock_conversation
from escalation.journal import BOARD, audit, emit
from escalation.models import Conversation, Message

LEASE = timedelta(seconds=60)
"""How long whoever takes a parcel has for it. More than an attempt may last."""
MAX_ATTEMPTS = 23
"""With the pauses below that is 12 hours of trying, on average."""
MAX_REFUSALS = 5
"""What the other side answers and will not have is given up sooner: behind it wait the caller's other messages."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2, 7200
_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a parcel."""

    parcel: Parcel
    error: str = ""
    never: bool = False
    """It would fail again however often it were tried."""
    refused: bool = False
    """The other side is there and would not have it."""
    spent: bool = False
    """The channel takes no more until the caller writes."""
    put_off_seconds: float = 0
    """It was not tried at all, and is to be in so many seconds."""


def anything_due(session: Session, channel: str) -> bool:
    """Whether there is anything to take. Costs no write lock."""
    due = Conversation.outgoing_at <= database_now(session)
    return (
        session.execute(select(Conversation.id).where(due, Conversation.channel == channel).limit(1)).first()
        is not None
    )


def take_parcels(session: Session, adapter: Adapter, vault: Vault, limit: int) -> list[Parcel]:
    """Up to `limit` parcels of a channel, each the taker's for as long as LEASE. Others' are skipped, not waited for."""
    at = database_now(session)
    statement = (
        select(Conversation)
        .where(Conversation.outgoing_at <= at, Conversation.channel == adapter.channel)
        .order_by(Conversation.outgoing_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    parcels = []
    for conversation in session.execute(statement).scalars().all():
        caller = session.get(Caller, conversation.id)
        messages = _unsent(session, caller) if caller is not None else []
        if caller is None or not messages or not caller.reachable:
            conversation.outgoing_at = None
            continue
        packed = adapter.pack(_end(session, caller, vault), messages, at)
        conversation.outgoing_at = at + LEASE if isinstance(packed, Parcel) else packed
        if isinstance(packed, Parcel):
            parcels.append(packed)
    return parcels


def record_outcomes(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Record what came of sending. What somebody else has recorded meanwhile stays as it is."""
    # In one order everywhere, so that two of these cannot wait for each other.
    for outcome in sorted(outcomes, key=lambda each: each.parcel.end.conversation_id):
        end, last = outcome.parcel.end, outcome.parcel.messages[-1]
        conversation = lock_conversation(session, end.conversation_id)
        caller = session.get_one(Caller, end.conversation_id, populate_existing=True)
        assert conversation is not None
        at = database_now(session)
        if caller.sent_seq >= last.seq:
            continue
        if not outcome.error and not outcome.spent:
            caller.sent_since, caller.sent_at = caller.sent_since + outcome.parcel.costs, at
            _carried(session, conversation, caller, outcome.parcel.messages, "sent", at)
        elif outcome.spent:
            caller.sent_since, conversation.outgoing_at = _AT_MOST, None
        else:
            _failed(session, conversation, caller, outcome, at)


def carry_back(session: Session, conversation_id: UUID, in_reply_to: UUID) -> list[Message]:
    """Take what waits for a caller along in the answer to their own request; a request that comes again gets the same once more.

    Empty when it has gone out another way.
    """
    conversation = lock_conversation(session, conversation_id)
    caller = session.get_one(Caller, conversation_id, populate_existing=True)
    assert conversation is not None
    messages = _unsent(session, caller)
    if messages:
        _carried(session, conversation, caller, messages, "passive", database_now(session))
        return messages
    again = (
        select(Message)
        .join(MessageDelivery, MessageDelivery.message_id == Message.id)
        .where(Message.in_reply_to == in_reply_to, MessageDelivery.state == "passive")
        .order_by(Message.seq)
    )
    return list(session.execute(again).scalars())


def _carried(
    session: Session, conversation: Conversation, caller: Caller, messages: Sequence[Message], state: str, at: datetime
) -> None:
    session.add_all(MessageDelivery(message_id=message.id, state=state, at=at) for message in messages)
    caller.sent_seq, caller.attempts, caller.error = messages[-1].seq, 0, ""
    if (offered := payloads(messages)) is not None:
        caller.offered = offered
    session.flush()
    conversation.outgoing_at = at if _unsent(session, caller) else None


def _failed(session: Session, conversation: Conversation, caller: Caller, outcome: Outcome, at: datetime) -> None:
    caller.error = outcome.error
    if outcome.put_off_seconds:
        conversation.outgoing_at = at + timedelta(seconds=outcome.put_off_seconds)
        return
    caller.attempts += 1
    if not outcome.never and caller.attempts < (MAX_REFUSALS if outcome.refused else MAX_ATTEMPTS):
        conversation.outgoing_at = at + _pause(caller.attempts)
        return
    messages = outcome.parcel.messages
    session.add_all(MessageDelivery(message_id=each.id, state="dead", error=outcome.error, at=at) for each in messages)
    caller.sent_seq, caller.attempts = messages[-1].seq, 0
    session.flush()
    conversation.outgoing_at = at if _unsent(session, caller) else None
    audit(session, "dispatcher", "give_up_messages", conversation.id, channel=caller.channel, error=outcome.error)
    emit(session, BOARD, "delivery")


def _unsent(session: Session, caller: Caller) -> list[Message]:
    statement = select(Message).where(
        Message.conversation_id == caller.conversation_id, Message.seq > caller.sent_seq, Message.author != "citizen"
    )
    return list(session.execute(statement.order_by(Message.seq).limit(_AT_MOST)).scalars())


def _end(session: Session, caller: Caller, vault: Vault) -> End:
    consultation = latest_consultation(session, caller.conversation_id)
    return End(
        conversation_id=caller.conversation_id,
        account=caller.account,
        address=vault.decrypt(caller.address_encrypted),
        heard_at=caller.heard_at,
        sent_since=caller.sent_since,
        sent_at=caller.sent_at,
        number=consultation.number if consultation else "",
        waiting=consultation is not None and consultation.state == "waiting",
    )


def _pause(attempts: int) -> timedelta:
    """Exponential backoff with full jitter: what failed together does not return together."""
    bound = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1))
    return timedelta(seconds=random.uniform(0, bound))  # noqa: S311 (no secret)
