"""What goes in and out over /v1/desk."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.conversations.schemas import ReplyOut
from core.regions import full_name
from escalation.desk import DeskRound
from escalation.policy import Policy
from escalation.replies import Citation


class WaitingRound(BaseModel):
    id: UUID
    consultation: str
    """The consultation's number."""
    number: int
    question: str
    region: str
    region_name: str
    tier: str
    urgent: bool
    quorum: int
    answered: int
    started_at: datetime
    deadline: datetime
    broken: bool
    writing: list[str]
    mine: bool
    addressed_to_me: bool
    answered_by_me: bool

    @classmethod
    def of(cls, found: DeskRound, policy: Policy) -> "WaitingRound":
        return cls(
            id=found.round.id,
            consultation=found.consultation.number,
            number=found.round.number,
            question=found.question,
            region=found.consultation.region,
            region_name=full_name(found.consultation.region),
            tier=found.round.tier,
            urgent=found.consultation.urgent,
            quorum=found.round.quorum,
            answered=found.round.answered,
            started_at=found.round.started_at,
            deadline=policy.deadline(found.round.started_at),
            broken=found.round.broken_at is not None,
            writing=list(found.writing),
            mine=found.mine,
            addressed_to_me=found.addressed_to_me,
            answered_by_me=found.answered_by_me,
        )


class WaitingRounds(BaseModel):
    rounds: list[WaitingRound]


class Thread(BaseModel):
    round_id: UUID
    consultation: str
    state: str
    quorum: int
    answered: int
    messages: list[ReplyOut]


class Claimed(BaseModel):
    round_id: UUID
    expires_at: datetime


class AnswerRound(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    citations: list[str] = Field(default_factory=list, max_length=20)
    """As one writes them: 《劳动合同法》第三十八条."""
    client_message_id: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = None


class Answered(BaseModel):
    message_id: UUID
    round_id: UUID
    citations: list[Citation]
