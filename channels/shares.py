"""Shares: a conversation shown to family by a link. Who has the link reads; who gave it takes it back."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from channels.models import Share
from core.database import database_now
from core.ids import new_id
from escalation.conversations import KEY_DAYS, lock_conversation
from escalation.errors import NotFound, Refused
from escalation.journal import audit

MOST = 10


def make_share(session: Session, conversation_id: UUID) -> Share:
    """A further link to the conversation. Raises Refused where there are MOST of them."""
    lock_conversation(session, conversation_id)
    at = database_now(session)
    alive = select(func.count()).select_from(Share).where(*_alive(session, conversation_id))
    if session.execute(alive).scalar_one() >= MOST:
        raise Refused(f"已经分享了 {MOST} 次。请先撤回不用的，再分享。")
    share = Share(id=new_id(), conversation_id=conversation_id, created_at=at, expires_at=at + timedelta(days=KEY_DAYS))
    session.add(share)
    audit(session, f"citizen:{conversation_id}", "make_share", share.id)
    return share


def revoke_share(session: Session, conversation_id: UUID, share_id: UUID) -> None:
    """The link opens nothing any more; of one that is taken back already nothing changes. Raises NotFound."""
    share = session.get(Share, share_id)
    if share is None or share.conversation_id != conversation_id:
        raise NotFound("没有这个分享。")
    if share.revoked_at is None:
        share.revoked_at = database_now(session)
        audit(session, f"citizen:{conversation_id}", "revoke_share", share_id)


def shares_of(session: Session, conversation_id: UUID) -> Sequence[Share]:
    """Those that are good, the newest first."""
    statement = select(Share).where(*_alive(session, conversation_id)).order_by(Share.created_at.desc(), Share.id)
    return session.execute(statement).scalars().all()


def conversation_shared(session: Session, share_id: UUID) -> UUID:
    """The conversation that a share shows. Raises NotFound where it was taken back or is too old."""
    share = session.get(Share, share_id)
    if share is None or share.revoked_at is not None or share.expires_at <= database_now(session):
        raise NotFound("这个分享已被撤回，或已过期。")
    return share.conversation_id


def _alive(session: Session, conversation_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        Share.conversation_id == conversation_id,
        Share.revoked_at.is_(None),
        Share.expires_at > database_now(session),
    )
