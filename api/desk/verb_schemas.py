"""What goes in and out of the desk besides answers: notes, colleagues, referrals."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.regions import full_name
from escalation.colleagues import Colleague
from escalation.notes import WrittenNote


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WriteNote(_Strict):
    text: str


class NoteOut(BaseModel):
    id: UUID
    lawyer_id: UUID
    lawyer: str
    firm: str
    text: str
    created_at: datetime

    @classmethod
    def of(cls, note: WrittenNote) -> "NoteOut":
        return cls.model_validate(note, from_attributes=True)


class NoteList(BaseModel):
    notes: list[NoteOut]


class ColleagueOut(BaseModel):
    id: UUID
    name: str
    licence: str
    firm: str
    region: str
    region_name: str
    specialties: list[str]

    @classmethod
    def of(cls, found: Colleague) -> "ColleagueOut":
        return cls(
            id=found.id,
            name=found.name,
            licence=found.licence,
            firm=found.firm,
            region=found.region,
            region_name=full_name(found.region),
            specialties=list(found.specialties),
        )


class ColleagueList(BaseModel):
    colleagues: list[ColleagueOut]


class SuggestColleague(_Strict):
    colleague: UUID | str = Field(union_mode="left_to_right")
    """Their id, or their licence number."""


class Suggested(BaseModel):
    round_id: UUID
    lawyer_id: UUID
    name: str


class OfficeOut(BaseModel):
    key: str
    name: str
    number: str


class OfficeList(BaseModel):
    offices: list[OfficeOut]


class ReferRound(_Strict):
    office: str
    """A key of the list of offices, or the name of another office."""
    words: str
    """Why, and what to do there: the citizen reads it."""


class Referred(BaseModel):
    round_id: UUID
    message_id: UUID
    referred_to: str
