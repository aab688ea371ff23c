"""Callers: found by their address, or met for the first time."""

import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.models import Caller
from core.database import database_now
from core.security import Vault
from escalation.conversations import start_conversation

_NUMBER = re.compile(r"(?:我?[选要]|回复?|第)?\s*(\d{1,2})\s*[.。、，,个项号吧]*")


def find_caller(session: Session, channel: str, account: str, address: str, vault: Vault) -> Caller | None:
    statement = select(Caller).where(
        Caller.channel == channel, Caller.account == account, Caller.address_hash == vault.fingerprint(address)
    )
    return session.execute(statement).scalar_one_or_none()


def caller_of(
    session: Session, channel: str, account: str, address: str, region: str, vault: Vault, post: str | None = None
) -> Caller:
    """The caller with this address; a first call begins a conversation in `region`, at a post. Raises UnknownRegion."""
    known = find_caller(session, channel, account, address, vault)
    if known is not None:
        return known
    conversation, _token = start_conversation(session, channel, region, post)
    session.flush()
    caller = Caller(
        conversation_id=conversation.id, channel=channel, account=account, address_encrypted=vault.encrypt(address),
        address_hash=vault.fingerprint(address), heard_at=database_now(session), offered=[],
    )  # fmt: skip
    session.add(caller)
    session.flush()
    return caller


def heard_from(session: Session, caller: Caller) -> None:
    """They have written: they are there, and may be written to again."""
    caller.heard_at, caller.sent_since, caller.reachable, caller.attempts = database_now(session), 0, True, 0


def meant(offered: Sequence[str], text: str) -> str:
    """The payload that a bare number stands for, among what was offered last; else the text as it is."""
    found = _NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip())
    place = int(found[1]) if found else 0
    return offered[place - 1] if 1 <= place <= len(offered) else text
