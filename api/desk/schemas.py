"""What goes in and out over /v1/desk."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.conversations.schemas import ReplyOut
from core.regions import full_name
from escalation.desk import DeskRound
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
    category: str
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
    def of(cls, found: DeskRound) -> "WaitingRound":
        view = found.view
        return cls(
            id=view.id,
            consultation=view.consultation,
            number=view.number,
            question=view.question,
            region=view.region,
            region_name=full_name(view.region),
            tier=view.tier,
            urgent=view.urgent,
            category=view.category,
            quorum=view.quorum,
            answered=view.answered,
            started_at=view.started_at,
            deadline=view.deadline,
            broken=view.broken,
            writing=[name for _, name in view.writing],
            mine=found.mine,
            addressed_to_me=found.addressed_to_me,
            answered_by_me=found.answered_by_me,
        )


@lru_cache(maxsize=8192)
def as_json(found: DeskRound) -> str:
    """One line, written once for all who see it so: what a change costs must not grow with the desks that watch."""
    return WaitingRound.of(found).model_dump_json()


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
    confirmed: list[str] = Field(default_factory=list, max_length=20)
    """Those of them that are cited on purpose though they are not in force: written as in `citations`."""
    client_message_id: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = None


class Answered(BaseModel):
    message_id: UUID
    round_id: UUID
    citations: list[Citation]
