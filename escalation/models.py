"""The tables of escalation. Words are those of the design; times are UTC."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import now
from core.database import Base
from core.ids import new_id

Region = String(6)
Word = String(16)
UNSORTED = "其他"
"""The category of what no machine could sort."""
ANSWER_OR_QUESTION_BACK = "kind IN ('answer', 'clarify')"
"""What the board counts of all that the service says, and has an index of."""
Big = BigInteger().with_variant(Integer(), "sqlite")


class Conversation(Base):
    """会话: all that one citizen and the service say to each other on one channel."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index(
            "ix_conversations_outgoing",
            "channel",
            "outgoing_at",
            postgresql_where=text("outgoing_at IS NOT NULL"),
            sqlite_where=text("outgoing_at IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    channel: Mapped[str] = mapped_column(Word)
    region: Mapped[str] = mapped_column(Region)
    token_hash: Mapped[str] = mapped_column(String(64))
    last_seq: Mapped[int] = mapped_column(default=0)
    disclaimed: Mapped[bool] = mapped_column(default=False)
    """The sentence that answers are no lawyer's opinion has been said: it is said once."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    post: Mapped[str | None] = mapped_column(String(32), index=True)
    """The number of the post (channels/) whose QR code it began with."""
    outgoing_at: Mapped[datetime | None]
    """When what was said last is to be carried to the citizen, on channels where we have to go to them; None when nothing waits."""


class ConversationKey(Base):
    """A further key to a conversation besides its token: for another device of the same citizen."""

    __tablename__ = "conversation_keys"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


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
        Index(
            "ix_messages_said",
            "created_at",
            postgresql_where=text(ANSWER_OR_QUESTION_BACK),
            sqlite_where=text(ANSWER_OR_QUESTION_BACK),
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
    __table_args__ = (
        Index("ix_consultations_closed_at", "closed_at"),
        Index("ix_consultations_opened_at", "opened_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(24), unique=True)
    """What a person says on the phone: region, date, serial of the day: 150900-20261122-0007."""
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversations.id"), index=True)
    opening_message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), unique=True)
    region: Mapped[str] = mapped_column(Region)
    city: Mapped[str | None] = mapped_column(Region)
    province: Mapped[str | None] = mapped_column(Region)
    urgent: Mapped[bool] = mapped_column(default=False)
    category: Mapped[str] = mapped_column(String(16), default=UNSORTED, server_default=UNSORTED)
    """What it is about, in the categories of the cards, as well as a machine can tell: to sort by, not to rely on."""
    state: Mapped[str] = mapped_column(Word)
    """waiting (a round is open), answered (the citizen's turn), closed (by the citizen, never by a machine)."""
    closings: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Round(Base):
    """轮次: a consultation's first question, or one follow-up: what must be answered by a time."""

    __tablename__ = "rounds"
    __table_args__ = (
        UniqueConstraint("consultation_id", "number"),
        Index("ix_rounds_due", "state", "due_at"),
        Index("ix_rounds_started_at", "started_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"))
    number: Mapped[int]
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), unique=True)
    quorum: Mapped[int]
    addressed_to: Mapped[list[Any]] = mapped_column(default=list)
    """Ids of the lawyers that a follow-up is for; empty for a first question."""
    policy: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What was promised when it started (`Policy.as_dict`): a policy changed later changes no promise given."""
    tier: Mapped[str] = mapped_column(Word)
    """The widest circle it has been pushed to: addressed, city, province, nation."""
    state: Mapped[str] = mapped_column(Word)
    """open (below its quorum), met, ended (the citizen closed the consultation first), referred (no matter for lawyers)."""
    answered: Mapped[int] = mapped_column(default=0)
    """How many different lawyers have answered."""
    started_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """When the dispatcher must look at it next; None when there is nothing left to do."""
    met_at: Mapped[datetime | None]
    broken_at: Mapped[datetime | None]
    referred_to: Mapped[str | None] = mapped_column(String(64))
    """The office that a lawyer named for what is no legal matter."""


class RoundMove(Base):
    """A round's move to a tier. The key says that there is one at the most."""

    __tablename__ = "round_moves"

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    tier: Mapped[str] = mapped_column(Word, primary_key=True)
    pushed: Mapped[int]
    """How many lawyers it was pushed to in this move, those of narrower tiers not counted again."""
    moved_at: Mapped[datetime]


class Push(Base):
    """推送: one round reaching one lawyer. Their desk shows it from now on; what goes to them otherwise is a `Delivery`."""

    __tablename__ = "pushes"
    __table_args__ = (Index("ix_pushes_lawyer_id", "lawyer_id", "round_id"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"), primary_key=True)
    tier: Mapped[str] = mapped_column(Word)
    """The circle it came through: addressed, city, province, nation; duty (the last resort), suggested (by a colleague)."""
    pushed_at: Mapped[datetime]


class Delivery(Base):
    """A push on its way through a medium other than the desk: sent at least once, tried again until it is."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("round_id", "lawyer_id", "medium", "kind"),
        Index("ix_deliveries_due", "state", "due_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    """What the receiver knows it by: sent twice, it is one."""
    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"))
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"))
    medium: Mapped[str] = mapped_column(Word)
    """webhook or wechat."""
    kind: Mapped[str] = mapped_column(Word)
    """push, or alarm (the promise is broken)."""
    state: Mapped[str] = mapped_column(Word)
    """waiting, sent, dead (given up; a supervisor may send it again), dropped (the round was over before it could be sent)."""
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    """When it is to be tried next."""
    error: Mapped[str] = mapped_column(Text, default="")
    """Why the last attempt failed, for the board."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


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
    __table_args__ = (
        Index("ix_answers_round", "round_id", "created_at", "lawyer_id"),
        Index("ix_answers_lawyer_id", "lawyer_id", "created_at"),
    )

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"))
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"))
    created_at: Mapped[datetime]


class Rating(Base):
    """好差评: the citizen's voluntary judgement, 5 非常满意 to 1 非常不满意; at the most one per closing."""

    __tablename__ = "ratings"
    __table_args__ = (UniqueConstraint("consultation_id", "closing"), Index("ix_ratings_created_at", "created_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"))
    closing: Mapped[int]
    level: Mapped[int]
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class CallBack(Base):
    """回访任务: a citizen to be called by a supervisor, after a broken promise or a bad rating."""

    __tablename__ = "call_backs"
    __table_args__ = (UniqueConstraint("consultation_id", "reason", "occasion"), Index("ix_call_backs_open", "state"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"))
    reason: Mapped[str] = mapped_column(Word)
    """broken_promise or dissatisfied."""
    occasion: Mapped[int] = mapped_column(default=0)
    """The round's number, or the closing's: one task for each."""
    phone_encrypted: Mapped[str] = mapped_column(Text, default="")
    """AES-GCM; empty where the citizen has left no number."""
    phone_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    state: Mapped[str] = mapped_column(Word)
    """open, done."""
    note: Mapped[str] = mapped_column(Text, default="")
    """What came of it."""
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))


class Appeal(Base):
    """申诉: a lawyer holds that a consultation's ratings do them wrong; a supervisor decides."""

    __tablename__ = "appeals"
    __table_args__ = (UniqueConstraint("consultation_id", "lawyer_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"))
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"))
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Word)
    """open, upheld (its ratings no longer count for this lawyer), rejected."""
    decision: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))


class Note(Base):
    """内部备注: what lawyers write for each other about a consultation. The citizen never sees it."""

    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    consultation_id: Mapped[UUID] = mapped_column(ForeignKey("consultations.id"), index=True)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class AnswerDraft(Base):
    """An answer that a lawyer is writing: theirs alone, whichever browser they open next. Gone once it is sent."""

    __tablename__ = "answer_drafts"
    __table_args__ = (Index("ix_answer_drafts_saved_at", "saved_at"),)

    round_id: Mapped[UUID] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    """Empty where everything was struck out: that too is newer than what another browser may still hold."""
    citations: Mapped[list[Any]] = mapped_column(default=list)
    """As the lawyer writes them; they are checked when the answer is sent."""
    written_at: Mapped[datetime]
    """When the last key was pressed. What was written last wins, however late it arrives."""
    saved_at: Mapped[datetime]


class AnswerTemplate(Base):
    """常用语: words that a lawyer writes again and again. Theirs alone."""

    __tablename__ = "answer_templates"
    __table_args__ = (UniqueConstraint("lawyer_id", "title"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"))
    title: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime]


class RegionPolicy(Base):
    """What a region has decided otherwise than the settings; holds for all that lies in it, unless that decides itself."""

    __tablename__ = "region_policies"

    region: Mapped[str] = mapped_column(Region, primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Fields of `Policy` by name."""
    changed_at: Mapped[datetime]


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
    specialties: Mapped[list[Any]] = mapped_column(default=list)
    """专长, as they write them: 婚姻家庭, 劳动, …"""
    languages: Mapped[list[Any]] = mapped_column(default=list)
    """汉语, 蒙古语, …; empty counts as 汉语."""
    phone_encrypted: Mapped[str] = mapped_column(Text, default="")
    phone_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    capacity: Mapped[int] = mapped_column(default=5, server_default="5")
    """最大同时在办: how many rounds they may hold at once."""
    active: Mapped[bool] = mapped_column(default=True)


class DutyHours(Base):
    """值班时间: a lawyer is on duty on such days between these minutes of the day. Without a row they are always."""

    __tablename__ = "duty_hours"

    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"), primary_key=True)
    day: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """1 Monday … 7 Sunday, 0 a public holiday (`escalation.duty.duty_day`)."""
    start: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """Minutes after midnight in China, inclusive."""
    end: Mapped[int] = mapped_column(SmallInteger)
    """Exclusive; 1440 is midnight. Hours over midnight are two rows."""


class Contact(Base):
    """Where a lawyer is reached besides the desk."""

    __tablename__ = "contacts"

    lawyer_id: Mapped[UUID] = mapped_column(ForeignKey("lawyers.id"), primary_key=True)
    medium: Mapped[str] = mapped_column(Word, primary_key=True)
    """webhook or wechat."""
    address: Mapped[str] = mapped_column(Text)
    """The URL; the openid."""
    secret_encrypted: Mapped[str] = mapped_column(Text, default="")
    """A webhook's signing secret (AES-GCM)."""


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
    __table_args__ = (
        Index("ix_audit_verb", "verb", "id"),
        Index("ix_audit_actor", "actor", "id"),
        Index("ix_audit_at", "at"),
        Index(
            "ix_audit_waiting",
            "id",
            postgresql_where=text("position IS NULL"),
            sqlite_where=text("position IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    verb: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    position: Mapped[int | None] = mapped_column(Big, unique=True)
    """Its place in the chain, given when it is chained shortly after (`escalation.chain`): 1, 2, … without gaps."""
    hash: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 over the hash before and all of this row."""


class AuditSeal(Base):
    """A seal under the chain up to a row: made with a key that the database does not hold."""

    __tablename__ = "audit_seals"

    position: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64))
    mac: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


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
