"""The tables of escalation. Words are those of the design; times are UTC."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import now
from core.database import Base
from core.ids import new_id

Region = String(6)
Word = String(16)
Big = BigInteger().with_variant(Integer(), "sqlite")


class Conversation(Base):
    """会话: all that one citizen and the service say to each other on one channel."""

    __tablename__ = "conversations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    channel: Mapped[str] = mapped_column(Word)
    region: Mapped[str] = mapped_column(Region)
    token_hash: Mapped[str] = mapped_column(String(64))
    last_seq: Mapped[int] = mapped_column(default=0)
    disclaimed: Mapped[bool] = mapped_column(default=False)
    """The sentence that answers are no lawyer's opinion has been said: it is said once."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class Message(Base):
    """One bubble of a conversation, whoever wrote it. `seq` orders a conversation without gaps and is what clients resume from."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "seq"),
        UniqueConstraint("conversation_id", "client_message_id"),
        UniqueConstraint("in_reply_to", "ordinal"),
        Index(
            "ix_messages_unhandled",
            "created_at",
            postgresql_where=text("handled_at IS NULL AND author = 'citizen'"),
            sqlite_where=text("handled_at IS NULL AND author = 'citizen'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"))
    seq: Mapped[int]
    author: Mapped[str] = mapped_column(Word)
    """citizen, service or lawyer."""
    kind: Mapped[str] = mapped_column(Word)
    """For the service and lawyers a reply's kind; for citizens `text`, or `choice` for a pressed button."""
    text: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What goes with the text: citations, choices and confidence of a reply; payload and address_to of a citizen's message."""
    client_message_id: Mapped[str | None] = mapped_column(String(128))
    in_reply_to: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"))
    ordinal: Mapped[int | None]
    consultation_id: Mapped[UUID | None] = mapped_column(index=True)
    """No foreign key: a consultation's opening message points back, and a circle could be neither made nor dropped."""
    lawyer_id: Mapped[UUID | None] = mapped_column(ForeignKey("lawyers.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    handled_at: Mapped[datetime | None]
    """When the service had decided what to do with it. A citizen's message without it is taken up again after a crash."""


class Consultation(Base):
    """咨询: one question that went to lawyers, with everything that follows from it."""

    __tablename__ = "consultations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    """What a person says on the phone: region, date, serial of the day: 150900-20261122-0007."""
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    opening_message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), unique=True)
    region: Mapped[str] = mapped_column(Region)
    city: Mapped[str | None] = mapped_column(Region)
    province: Mapped[str | None] = mapped_column(Region)
    urgent: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(Word)
    """waiting (a round is open), answered (the citizen's turn), closed (by the citizen, never by a machine)."""
    closings: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Round(Base):
    """轮次: a consultation's first question, or one follow-up: what must be answered by a time."""

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("consultation_id", "number"), Index("ix_rounds_due", "state", "due_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"))
    number: Mapped[int]
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), unique=True)
    quorum: Mapped[int]
    addressed_to: Mapped[list[Any]] = mapped_column(default=list)
    """Ids of the lawyers that a follow-up is for; empty for a first question."""
    tier: Mapped[str] = mapped_column(Word)
    """The widest circle it has been pushed to: addressed, city, province, nation."""
    state: Mapped[str] = mapped_column(Word)
    """open (below its quorum), met, ended (the citizen closed the consultation first)."""
    answered: Mapped[int] = mapped_column(default=0)
    """How many different lawyers have answered."""
    started_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When the dispatcher must look at it next; None when there is nothing left to do."""
    met_at: Mapped[datetime | None]
    broken_at: Mapped[datetime | None]


class RoundMove(Base):
    """A round's move to a tier. The key says that there is one at the most."""

    __tablename__ = "round_moves"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    tier: Mapped[str] = mapped_column(Word, primary_key=True)
    pushed: Mapped[int]
    """How many lawyers it was pushed to in this move, those of narrower tiers not counted again."""
    moved_at: Mapped[datetime]


class Push(Base):
    """推送: one round reaching one lawyer through one medium."""

    __tablename__ = "pushes"
    __table_args__ = (Index("ix_pushes_lawyer_id", "lawyer_id", "round_id"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"), primary_key=True)
    medium: Mapped[str] = mapped_column(Word, primary_key=True)
    tier: Mapped[str] = mapped_column(Word)
    pushed_at: Mapped[datetime]


class Lease(Base):
    """A lawyer is writing: a place under the quorum, kept until it lapses."""

    __tablename__ = "leases"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"), primary_key=True)
    taken_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Answer(Base):
    """解答: what one lawyer writes in a round. The words are in its message."""

    __tablename__ = "answers"

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), index=True)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"))
    created_at: Mapped[datetime]


class Rating(Base):
    """好差评: the citizen's voluntary judgement, 5 非常满意 to 1 非常不满意; at the most one per closing."""

    __tablename__ = "ratings"
    __table_args__ = (UniqueConstraint("consultation_id", "closing"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"))
    closing: Mapped[int]
    level: Mapped[int]
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class Lawyer(Base):
    """Somebody who answers. `tier` is the narrowest circle they belong to: a city's adviser is also one of its province."""

    __tablename__ = "lawyers"
    __table_args__ = (Index("ix_lawyers_city", "city", "tier"), Index("ix_lawyers_province", "province"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    licence: Mapped[str] = mapped_column(String(32), unique=True)
    """执业证号."""
    firm: Mapped[str] = mapped_column(String(128), default="")
    region: Mapped[str] = mapped_column(Region)
    city: Mapped[str | None] = mapped_column(Region)
    province: Mapped[str | None] = mapped_column(Region)
    tier: Mapped[str] = mapped_column(Word)
    active: Mapped[bool] = mapped_column(default=True)


class Staff(Base):
    """An account that can log in: lawyer, supervisor or administrator."""

    __tablename__ = "staff"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(64))
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[str] = mapped_column(Word)
    lawyer_id: Mapped[UUID | None] = mapped_column(ForeignKey("lawyers.id"))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class StaffSession(Base):
    """One log-in, kept on the server; the browser holds only the token."""

    __tablename__ = "staff_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class Serial(Base):
    """The last consultation number given out in a region on a day."""

    __tablename__ = "serials"

    region: Mapped[str] = mapped_column(Region, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    last: Mapped[int]


class AuditRow(Base):
    """Who did what to what, when. Written in the transaction of the deed itself."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    verb: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class OutboxEvent(Base):
    """Something that live pages must hear of, written in the transaction that made it true and relayed after."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "ix_outbox_waiting",
            "id",
            postgresql_where=text("relayed_at IS NULL"),
            sqlite_where=text("relayed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=True)
    topic: Mapped[str] = mapped_column(String(64))
    """conversation:{id} for the citizen's pages, desk for the lawyers'."""
    kind: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]
    relayed_at: Mapped[datetime | None]
