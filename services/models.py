"""The tables of the services. Times are UTC."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import now
from core.database import Base
from core.ids import new_id
from escalation.models import Region, Word

OVER = frozenset({"finished", "declined", "withdrawn"})
"""States of a request in which nothing more is done about it."""


class Office(Base):
    """办事机构: who takes requests of a service in a region, and where citizens may go themselves."""

    __tablename__ = "offices"
    __table_args__ = (UniqueConstraint("region", "name"), Index("ix_offices_region", "region", "active"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(128))
    region: Mapped[str] = mapped_column(Region)
    services: Mapped[list[Any]] = mapped_column(default=list)
    """What it takes: keys of `services.catalogue`."""
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"))
    """中心、工作站、工作室: the office that this one belongs to."""
    address: Mapped[str] = mapped_column(Text, default="")
    phone: Mapped[str] = mapped_column(String(64), default="")
    hours: Mapped[str] = mapped_column(Text, default="")
    """Opening hours as the office writes them."""
    active: Mapped[bool] = mapped_column(default=True)


class Clerk(Base):
    """An account that works at an office's desk."""

    __tablename__ = "clerks"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)


class Draft(Base):
    """A form that a citizen is filling in. What they wrote so far is kept until they send it or throw it away."""

    __tablename__ = "drafts"
    __table_args__ = (
        Index(
            "ix_drafts_at_work",
            "conversation_id",
            unique=True,
            postgresql_where=text("state = 'filling'"),
            sqlite_where=text("state = 'filling'"),
        ),
        Index("ix_drafts_conversation_id", "conversation_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    service: Mapped[str] = mapped_column(String(32))
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """By slot. The telephone number is masked here."""
    phone_encrypted: Mapped[str] = mapped_column(Text, default="")
    other_phone_encrypted: Mapped[str] = mapped_column(Text, default="")
    """The other party's number, where the citizen gave one."""
    asked: Mapped[str] = mapped_column(String(32), default="")
    """The slot asked for last; empty when the summary was shown."""
    misses: Mapped[int] = mapped_column(default=0)
    """How often in a row an answer to it was not understood."""
    state: Mapped[str] = mapped_column(Word)
    """filling (at most one of a conversation), aside (left, may be taken up again), sent, dropped."""
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"))
    """The citizen's message that was last taken into it: a message counts once."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime]


class ServiceRequest(Base):
    """办事申请: a form that was sent, on its way through offices."""

    __tablename__ = "service_requests"
    __table_args__ = (
        Index("ix_service_requests_office_id", "office_id", "state"),
        Index("ix_service_requests_region", "region", "state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    """What a person says on the phone: F150902-20261122-0007, the letter for the service it began as."""
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    draft_id: Mapped[UUID] = mapped_column(ForeignKey("drafts.id"), unique=True)
    service: Mapped[str] = mapped_column(String(32))
    """Changes when it is handed on to another service."""
    form: Mapped[str] = mapped_column(String(32))
    """The service whose form was filled in: what its values mean."""
    region: Mapped[str] = mapped_column(Region)
    office_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"))
    """None where no office takes this service there: a supervisor sends it on."""
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    phone_encrypted: Mapped[str] = mapped_column(Text, default="")
    phone_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    other_phone_encrypted: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(Word)
    """submitted, accepted, asked (the citizen's turn), appointed, finished, declined, withdrawn."""
    due_on: Mapped[date | None]
    """The last day on which the law lets the citizen apply, where the form tells it (行政复议: sixty days)."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class RequestStep(Base):
    """One step on the way of a request, as offices and citizen see it."""

    __tablename__ = "request_steps"
    __table_args__ = (UniqueConstraint("request_id", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("service_requests.id"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(Word)
    """submit, accept, ask, reply, appoint, hand_on, finish, decline, withdraw."""
    actor: Mapped[str] = mapped_column(String(64))
    """citizen, or the name of who did it."""
    office_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"))
    """The office that did it; for hand_on the one that has it from now on."""
    text: Mapped[str] = mapped_column(Text, default="")
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"))
    """The citizen's message, for submit and reply: each counts once."""
    at: Mapped[datetime]
