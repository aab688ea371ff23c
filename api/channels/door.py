"""How a caller's message comes in, whichever channel it is from: met, counted, stored, then answered."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from api.conversations.service import MessageService
from api.limits import allow
from api.state import State
from channels.callers import caller_of, heard_from, meant
from core.database import database_now
from core.regions import UnknownRegion, get_region
from escalation import conversations
from escalation.models import Conversation, Message


async def receive(
    state: State, messages: MessageService, channel: str, account: str, address: str, text: str, message_id: str, *,
    region: str = "", move_to: str = "", hold: timedelta = timedelta(0),
) -> tuple[Message, bool]:  # fmt: skip
    """Store what a caller wrote: the message, and whether it was new. Raises Refused for a text that cannot be taken.

    `region` is where a first conversation begins, `move_to` where it is from now on. What waits for them is not sent before
    `hold` is over: it may go with the answer to this very request.
    """
    await allow(state, f"{channel}:{account}:{address}")
    met = (state, channel, account, address, region, move_to, hold)
    try:
        conversation_id, offered = await run_in_threadpool(_meet, *met)
    except IntegrityError:  # two first messages at once: the other one has begun the conversation
        conversation_id, offered = await run_in_threadpool(_meet, *met)
    return await messages.store(conversation_id, meant(offered, text), message_id)


def _meet(
    state: State, channel: str, account: str, address: str, region: str, move_to: str, hold: timedelta
) -> tuple[UUID, list[str]]:
    with state.database.write() as session:
        begin_in = region or state.settings.default_region
        caller = caller_of(session, channel, account, address, begin_in, state.services.vault)
        heard_from(session, caller)
        if _is_region(move_to):
            conversations.set_region(session, caller.conversation_id, move_to)
        if hold:
            conversation = session.get_one(Conversation, caller.conversation_id)
            conversation.outgoing_at = database_now(session) + hold
        return caller.conversation_id, [str(each) for each in caller.offered]


def _is_region(code: str) -> bool:
    try:
        return bool(code) and get_region(code) is not None
    except UnknownRegion:
        return False
