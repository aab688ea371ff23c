"""Claim codes 取件码: open a conversation on another device.

For whoever leaves a kiosk before the lawyers have answered, or whose grandchild shall read on.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from channels.models import Claim
from channels.spoken_codes import HINT, new_code, read_code, shown
from core.database import database_now
from core.security import Vault
from escalation.conversations import make_key
from escalation.errors import NotFound
from escalation.journal import audit

GOOD_FOR = timedelta(days=30)


def make_claim(session: Session, conversation_id: UUID, vault: Vault) -> tuple[str, datetime]:
    """A new code, told once and not stored, and until when it is good. Older ones stay good until their time is over."""
    code = new_code()
    expires_at = database_now(session) + GOOD_FOR
    session.add(Claim(code_hash=vault.fingerprint(code), conversation_id=conversation_id, expires_at=expires_at))
    audit(session, f"citizen:{conversation_id}", "make_claim", conversation_id)
    return shown(code), expires_at


def open_claim(session: Session, written: str, vault: Vault) -> tuple[UUID, str]:
    """The conversation behind a code as somebody wrote it, and a key to it. Raises NotFound for a wrong or old one."""
    code = read_code(written)
    claim = session.get(Claim, vault.fingerprint(code)) if code else None
    if claim is None or claim.expires_at <= database_now(session):
        raise NotFound(f"取件码不对，或已过期。{HINT}")
    return claim.conversation_id, make_key(session, claim.conversation_id, f"citizen:{claim.conversation_id}")
