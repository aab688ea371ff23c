"""Claim codes 取件码: eight characters that a person can read aloud, and that open a conversation on another device.

For whoever leaves a kiosk before the lawyers have answered, or whose grandchild shall read on.
"""

import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from channels.models import Claim
from core.database import database_now
from core.security import Vault
from escalation.conversations import make_key
from escalation.errors import NotFound
from escalation.journal import audit

GOOD_FOR = timedelta(days=30)
_ALPHABET = "2346789ACDEFHJKMNPQRTUVWXY"
"""Nothing that looks like something else: no 0 and O, 1 and I and L, 5 and S, B (8), G (6), Z (2)."""
_LENGTH = 8


def make_claim(session: Session, conversation_id: UUID, vault: Vault) -> tuple[str, datetime]:
    """A new code, told once and not stored, and until when it is good. Older ones stay good until their time is over."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    expires_at = database_now(session) + GOOD_FOR
    session.add(Claim(code_hash=vault.fingerprint(code), conversation_id=conversation_id, expires_at=expires_at))
    audit(session, f"citizen:{conversation_id}", "make_claim", conversation_id)
    return f"{code[:4]}-{code[4:]}", expires_at


def open_claim(session: Session, written: str, vault: Vault) -> tuple[UUID, str]:
    """The conversation behind a code as somebody wrote it, and a key to it. Raises NotFound for a wrong or old one."""
    code = re.sub(r"[\s\-–—－]", "", unicodedata.normalize("NFKC", written)).upper()
    claim = session.get(Claim, vault.fingerprint(code)) if len(code) == _LENGTH else None
    if claim is None or claim.expires_at <= database_now(session):
        raise NotFound("取件码不对，或已过期。请看清楚再输一次：八个字母和数字，没有 0、1、5 和字母 O、I、L、S。")
    return claim.conversation_id, make_key(session, claim.conversation_id, f"citizen:{claim.conversation_id}")
