"""Drafts: a form on its way. One is filled in at a time; the others lie aside and can be taken up again.

What a message gives is stored with the message's id: a message counts once, however often it is looked at.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.database import database_now
from core.ids import new_id
from core.regions import get_region
from core.security import Vault
from escalation import call_backs
from escalation.conversations import Received, lock_conversation, receive_message
from escalation.errors import NotFound
from escalation.journal import audit
from escalation.models import Message
from escalation.phones import phones_in, with_phones_masked
from services.forms import Form, load_forms
from services.models import Draft

SUMMARY = ""
"""What is `asked` while the summary is before the citizen."""
# What is asked about the other party: a number given there is theirs. So is one that the words before it call theirs.
_OTHERS = frozenset({"other_party", "other_contact"})
_THEIRS = re.compile(r"(?:对方|他们?|她们?|老板|房东|公司|单位|包工头|那边)的?(?:手机|电话|号码|联系方式)")


def receive(
    session: Session,
    conversation_id: UUID,
    text: str,
    client_message_id: str,
    vault: Vault,
    *,
    payload: str | None = None,
    address_to: Sequence[UUID] = (),
) -> Received:
    """Store what a citizen wrote; a number that belongs into the form at hand is kept encrypted there and masked in the message.

    `data.form_phone` then holds the masked number, where it is the citizen's own.
    """
    lock_conversation(session, conversation_id)
    phones = [] if payload else phones_in(text)
    draft = draft_at_work(session, conversation_id) if phones else None
    if draft is None or "phone" not in form_of(draft).names:
        return call_backs.receive(
            session, conversation_id, text, client_message_id, vault, payload=payload, address_to=address_to
        )
    masked = with_phones_masked(text, phones)
    received = receive_message(session, conversation_id, masked, client_message_id, address_to=address_to)
    if not received.fresh:
        return received
    number = vault.encrypt(phones[0].number)
    if is_theirs(draft, text):
        draft.other_phone_encrypted = number
    else:
        draft.phone_encrypted = number
        received.message.data = {**received.message.data, "form_phone": phones[0].masked}
    return received


def is_theirs(draft: Draft, text: str) -> bool:
    """Whether a number in this text is the other party's and not the citizen's own."""
    return draft.asked in _OTHERS or _THEIRS.search(text) is not None


def form_of(draft: Draft) -> Form:
    return load_forms()[draft.service]


def draft_at_work(session: Session, conversation_id: UUID) -> Draft | None:
    """The form being filled in."""
    statement = select(Draft).where(Draft.conversation_id == conversation_id, Draft.state == "filling")
    return session.execute(statement).scalar_one_or_none()


def concerns_a_form(session: Session, message: Message) -> bool:
    """A form is being filled in, or this very message sent one."""
    concerned = or_(Draft.state == "filling", and_(Draft.state == "sent", Draft.message_id == message.id))
    statement = select(Draft.id).where(Draft.conversation_id == message.conversation_id, concerned)
    return session.execute(statement).first() is not None


def drafts_aside(session: Session, conversation_id: UUID) -> list[Draft]:
    """The forms that were left, the last one first."""
    statement = select(Draft).where(Draft.conversation_id == conversation_id, Draft.state == "aside")
    return list(session.execute(statement.order_by(Draft.updated_at.desc())).scalars())


def begin(session: Session, conversation_id: UUID, service: str, message_id: UUID, region: str) -> Draft:
    """The form of this service at hand: the one that was left, or a new one. Another one at hand is laid aside."""
    lock_conversation(session, conversation_id)
    at_work = draft_at_work(session, conversation_id)
    if at_work is not None:
        if at_work.service == service:
            return at_work
        lay_aside(session, at_work)
    left = next((each for each in drafts_aside(session, conversation_id) if each.service == service), None)
    if left is not None:
        left.state, left.misses, left.updated_at, left.message_id = "filling", 0, database_now(session), message_id
        session.flush()
        return left
    draft = Draft(
        id=new_id(), conversation_id=conversation_id, service=service, message_id=message_id, phone_encrypted="",
        values={"region": region} if get_region(region).level in ("prefecture", "county") else {}, asked=SUMMARY, misses=0,
        state="filling", updated_at=database_now(session),
    )  # fmt: skip
    session.add(draft)
    session.flush()
    audit(session, f"citizen:{conversation_id}", "begin_form", draft.id, service=service)
    return draft


def fill(session: Session, draft: Draft, values: Mapping[str, Any], message_id: UUID) -> None:
    """Put values in. Those that apply no longer, because of what another became, are taken out."""
    known = {**draft.values, **values}
    applies = {slot.name for slot in form_of(draft).wanted(known)}
    draft.values = {name: value for name, value in known.items() if name in applies}
    draft.misses, draft.message_id, draft.updated_at = 0, message_id, database_now(session)


def ask(session: Session, draft: Draft, slot: str) -> None:
    """Note what is asked for from now on; the summary for `SUMMARY`."""
    if draft.asked != slot:
        draft.asked, draft.misses = slot, 0
    draft.updated_at = database_now(session)


def miss(session: Session, draft: Draft, message_id: UUID) -> int:
    """An answer was not understood: how many in a row. The same message twice is one."""
    if draft.message_id != message_id:
        draft.misses, draft.message_id, draft.updated_at = draft.misses + 1, message_id, database_now(session)
    return draft.misses


def lay_aside(session: Session, draft: Draft) -> None:
    draft.state, draft.updated_at = "aside", database_now(session)
    session.flush()


def drop(session: Session, draft: Draft) -> None:
    """Throw it away with all that was written into it."""
    draft.state, draft.values, draft.updated_at = "dropped", {}, database_now(session)
    draft.phone_encrypted = draft.other_phone_encrypted = ""
    audit(session, f"citizen:{draft.conversation_id}", "drop_form", draft.id)


def locked_draft(session: Session, conversation_id: UUID, draft_id: UUID) -> Draft:
    """A draft of this very conversation, whose lock is held from now on. Raises NotFound."""
    lock_conversation(session, conversation_id)
    draft = session.get(Draft, draft_id, populate_existing=True)
    if draft is None or draft.conversation_id != conversation_id:
        raise NotFound("没有这份申请。")
    return draft
