"""What goes in and out over /v1/conversations (design §8)."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from escalation.models import Message
from escalation.progress import Progress
from escalation.replies import Choice, Citation

ClientMessageId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartConversation(_Strict):
    channel: Literal["web", "kiosk", "hotline", "wechat"] = "web"
    region: str | None = None


class ConversationStarted(BaseModel):
    conversation_id: UUID
    token: str


class Claimed(BaseModel):
    """A code that opens the conversation elsewhere, and the address that a QR code of it holds."""

    code: str
    url: str
    expires_at: datetime


class WriteMessage(_Strict):
    text: str
    client_message_id: ClientMessageId
    address_to: list[UUID] = Field(default_factory=list, max_length=20)


class ReplyOut(BaseModel):
    """One bubble, as everybody outside sees it."""

    message_id: UUID
    seq: int
    author: Literal["citizen", "service", "lawyer"]
    kind: str
    text: str
    citations: list[Citation] = []
    choices: list[Choice] = []
    confidence: float | None = None
    lawyer: dict[str, Any] | None = None
    consultation_id: UUID | None = None
    created_at: datetime

    @classmethod
    def of(cls, message: Message) -> "ReplyOut":
        data = message.data
        return cls(
            message_id=message.id,
            seq=message.seq,
            author=message.author,
            kind=message.kind,
            text=message.text,
            citations=data.get("citations", []),
            choices=data.get("choices", []),
            confidence=data.get("confidence"),
            lawyer=data.get("lawyer"),
            consultation_id=message.consultation_id,
            created_at=message.created_at,
        )


class ConsultationBrief(BaseModel):
    id: UUID
    number: str
    state: str


class MessageHandled(BaseModel):
    message_id: UUID
    seq: int
    replies: list[ReplyOut]
    consultation: ConsultationBrief | None = None


class MessageList(BaseModel):
    messages: list[ReplyOut]
    consultation: Progress | None = None


class RateConsultation(_Strict):
    level: int = Field(ge=1, le=5)
    comment: str = Field("", max_length=500)


class Rated(BaseModel):
    consultation_id: UUID
    level: int
    closing: int
