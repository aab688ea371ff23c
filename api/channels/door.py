"""How a caller's message comes in, whichever channel it is from: met, counted, stored, then answered."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from api.conversations.service import MessageService
from api.limits import allow
from api.state import State
from channels.callers import caller_of, heard_from, meant
from channels.posts import find_post
from core.database import database_now
from core.regions import UnknownRegion, get_region
from escalation import conversations
from escalation.models import Conversation, Message


async def receive(
    state: State, messages: MessageService, channel: str, account: str, address: str, text: str, message_id: str, *,
    region: str = "", scene: str = "", hold: timedelta = timedelta(0),
) -> tuple[Message, bool]:  # fmt: skip
    """Store what a caller wrote: the message, and whether it was new. Raises Refused for a text that cannot be taken.

    `region` is where a first conversation begins; a `scene` (a post's number, or a region's code) where it is from now on. What waits for them is not sent before
    `hold` is over: it may go with the answer to this very request.
    """
    await allow(state, f"{channel}:{account}:{address}")
    met = (state, channel, account, address, region, scene, hold)
    try:
        conversation_id, offered = await run_in_threadpool(_meet, *met)
    except IntegrityError:  # two first messages at once: the other one has begun the conversation
        conversation_id, offered = await run_in_threadpool(_meet, *met)
    return await messages.store(conversation_id, meant(offered, text), message_id)


def _meet(
    state: State, channel: str, account: str, address: str, region: str, scene: str, hold: timedelta
) -> tuple[UUID, list[str]]:
    with state.database.write() as session:
        post = find_post(session, scene) if scene else None
        begin_in = region or state.settings.default_region
        caller = caller_of(
            session, channel, account, address, begin_in, state.services.vault, post.code if post else None
        )
        heard_from(session, caller)
        if place := post.region if post else scene if _is_region(scene) else "":
            conversations.set_region(session, caller.conversation_id, place)
        if hold:
            conversation = session.get_one(Conversation, caller.conversation_id)
            conversation.outgoing_at = database_now(session) + hold
        return caller.conversation_id, [str(each) for each in caller.offered]


def _is_region(code: str) -> bool:
    try:
        return get_region(code) is not None
    except UnknownRegion:
        return False
