"""Shapes of /v1/office."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from core.regions import full_name
from services.catalogue import SERVICES
from services.models import Office, RequestStep, ServiceRequest
from services.requests import STATES, STEPS, WORDS_MAX_CHARS, lines_of, steps_of


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StepOut(BaseModel):
    kind: str
    title: str
    actor: str
    text: str
    at: datetime

    @classmethod
    def of(cls, step: RequestStep) -> "StepOut":
        actor = "市民" if step.actor == "citizen" else step.actor
        return cls(kind=step.kind, title=STEPS[step.kind], actor=actor, text=step.text, at=step.at)


class Line(BaseModel):
    title: str
    value: str


class RequestOut(BaseModel):
    """A request as its office sees it."""

    id: UUID
    number: str
    service: str
    service_name: str
    region: str
    region_name: str
    state: str
    state_name: str
    lines: list[Line]
    has_phone: bool
    due_on: date | None
    created_at: datetime
    updated_at: datetime
    steps: list[StepOut]

    @classmethod
    def of(cls, request: ServiceRequest, steps: Sequence[RequestStep]) -> "RequestOut":
        return cls(
            id=request.id,
            number=request.number,
            service=request.service,
            service_name=SERVICES[request.service].name,
            region=request.region,
            region_name=full_name(request.region),
            state=request.state,
            state_name=STATES[request.state].replace("等您补充", "等市民补充"),
            lines=[Line(title=title, value=value) for title, value in lines_of(request)],
            has_phone=bool(request.phone_encrypted or request.other_phone_encrypted),
            due_on=request.due_on,
            created_at=request.created_at,
            updated_at=request.updated_at,
            steps=[StepOut.of(step) for step in steps],
        )

    @classmethod
    def all(cls, session: Session, requests: Sequence[ServiceRequest]) -> list["RequestOut"]:
        steps = steps_of(session, [each.id for each in requests])
        return [cls.of(each, steps[each.id]) for each in requests]


class Requests(BaseModel):
    requests: list[RequestOut]


class OfficeOut(BaseModel):
    """An office to hand on to."""

    id: UUID
    name: str
    region_name: str
    services: list[str]

    @classmethod
    def of(cls, office: Office) -> "OfficeOut":
        return cls(id=office.id, name=office.name, region_name=full_name(office.region), services=office.services)


class Offices(BaseModel):
    offices: list[OfficeOut]


class Words(_Body):
    words: str = Field(max_length=4 * WORDS_MAX_CHARS, description="市民会看到的话")


class Accept(_Body):
    words: str = Field(default="", max_length=4 * WORDS_MAX_CHARS, description="可以不写")


class Appoint(_Body):
    at: datetime = Field(description="约定的时间，带时区")
    place: str = Field(max_length=4 * WORDS_MAX_CHARS, description="地点或方式")
    words: str = Field(default="", max_length=4 * WORDS_MAX_CHARS)


class HandOn(_Body):
    office_id: UUID
    service: str = Field(max_length=32, description="转去办的服务，例如 mediation")
    words: str = Field(max_length=4 * WORDS_MAX_CHARS, description="为什么转交，市民会看到")


class Phone(BaseModel):
    id: UUID
    phone: str
    other_phone: str = Field(description="对方的电话；没有留就是空")
