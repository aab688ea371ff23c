"""The tables of the channels. Times are UTC."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import now
from core.database import Base
from escalation.models import Region, Word


class Caller(Base):
    """来访者: who is at the other end of a conversation, on a channel where we have to go to them. One conversation each."""

    __tablename__ = "callers"
    __table_args__ = (UniqueConstraint("channel", "account", "address_hash"),)

    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(Word)
    account: Mapped[str] = mapped_column(String(64))
    """The gateway's name, or the official account: the same person on another one is another caller."""
    address_encrypted: Mapped[str] = mapped_column(Text)
    """A telephone number, or an openid."""
    address_hash: Mapped[str] = mapped_column(String(64))
    reachable: Mapped[bool] = mapped_column(default=True)
    """False once they have left (unsubscribed) or cannot be reached there at all."""
    sent_seq: Mapped[int] = mapped_column(default=0)
    """Everything up to this sequence number has been carried to them, or given up."""
    offered: Mapped[list[Any]] = mapped_column(default=list)
    """Payloads of the choices they were offered last: what "1" means."""
    heard_at: Mapped[datetime] = mapped_column(default=now)
    """When they wrote last."""
    sent_since: Mapped[int] = mapped_column(default=0)
    """How many messages went to them since then, other than in reply to a request of theirs."""
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """How often in a row sending has failed."""
    error: Mapped[str] = mapped_column(Text, default="")


class MessageDelivery(Base):
    """What has become of one message on its way to a caller. What has no row and lies after `sent_seq` waits."""

    __tablename__ = "message_deliveries"
    __table_args__ = (
        Index(
            "ix_message_deliveries_dead",
            "at",
            postgresql_where=text("state = 'dead'"),
            sqlite_where=text("state = 'dead'"),
        ),
    )

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    state: Mapped[str] = mapped_column(Word)
    """sent (the channel has confirmed it), passive (in the answer to their own request), dead (given up)."""
    error: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]


class Gateway(Base):
    """网关: a hotline's text gateway, which speaks for its callers."""

    __tablename__ = "gateways"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(Region)
    """Where its callers are unless it says otherwise."""
    callback_url: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class GatewayKey(Base):
    """A secret shared with a gateway. Several are good at once, so that one can be changed for another without a gap."""

    __tablename__ = "gateway_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    gateway: Mapped[str] = mapped_column(ForeignKey("gateways.name"), index=True)
    secret_encrypted: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    """When a request was signed with it last, to within ten minutes."""
    retired_at: Mapped[datetime | None]


class Post(Base):
    """服务点 (先锋岗): a place with a QR code of its own. Whoever scans it asks from there."""

    __tablename__ = "posts"
    __table_args__ = (Index("ix_posts_region", "region", "active"),)

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    """What stands in the QR code; never given to another."""
    name: Mapped[str] = mapped_column(String(128))
    region: Mapped[str] = mapped_column(Region)
    keeper: Mapped[str] = mapped_column(String(64), default="")
    address: Mapped[str] = mapped_column(Text, default="")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Claim(Base):
    """取件码: opens a conversation on another device for a while."""

    __tablename__ = "claims"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Keyed: the code is too short for a plain hash."""
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Device(Base):
    """终端: a kiosk or robot in a service hall, enrolled by an administrator's code."""

    __tablename__ = "devices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    region: Mapped[str] = mapped_column(Region)
    """Whose law and lawyers it asks."""
    post: Mapped[str | None] = mapped_column(ForeignKey("posts.code"))
    """The post it stands at, where it stands at one."""
    code_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Keyed. The code it is enrolled with: good once, and not for long."""
    code_expires_at: Mapped[datetime | None]
    token_hash: Mapped[str | None] = mapped_column(String(64))
    enrolled_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    """When somebody began to ask there last."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    retired_at: Mapped[datetime | None]


class Share(Base):
    """A conversation shown to somebody by a link, to read and no more, until it is taken back."""

    __tablename__ = "shares"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
