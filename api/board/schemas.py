"""The board's tasks as they go in and out over /v1/board. Telephone numbers only where one is asked for by name."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from core.regions import full_name
from escalation.appeals import OpenAppeal
from escalation.call_backs import OpenCallBack
from escalation.deliveries import DeadDelivery


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CallBackOut(BaseModel):
    id: UUID
    consultation_id: UUID
    consultation: str
    """Its number."""
    region: str
    region_name: str
    reason: Literal["broken_promise", "dissatisfied"]
    occasion: int
    """The round's number after a broken promise, else the closing's."""
    question: str
    level: int | None
    comment: str
    note: str
    has_phone: bool
    created_at: datetime

    @classmethod
    def of(cls, found: OpenCallBack) -> "CallBackOut":
        task, consultation = found.task, found.consultation
        return cls(
            id=task.id,
            consultation_id=consultation.id,
            consultation=consultation.number,
            region=consultation.region,
            region_name=full_name(consultation.region),
            reason=task.reason,
            occasion=task.occasion,
            question=found.question,
            level=found.level,
            comment=found.comment,
            note=task.note,
            has_phone=bool(task.phone_encrypted),
            created_at=task.created_at,
        )


class CallBacks(BaseModel):
    call_backs: list[CallBackOut]


class Revealed(BaseModel):
    id: UUID
    phone: str


class FinishCallBack(_Strict):
    note: str


class Finished(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    state: str
    done_at: datetime


class RatingOut(BaseModel):
    level: int
    comment: str


class AppealOut(BaseModel):
    id: UUID
    consultation_id: UUID
    consultation: str
    lawyer: str
    firm: str
    text: str
    ratings: list[RatingOut]
    created_at: datetime

    @classmethod
    def of(cls, found: OpenAppeal) -> "AppealOut":
        return cls(
            id=found.appeal.id,
            consultation_id=found.consultation.id,
            consultation=found.consultation.number,
            lawyer=found.lawyer.name,
            firm=found.lawyer.firm,
            text=found.appeal.text,
            ratings=[RatingOut(level=level, comment=comment) for level, comment in found.ratings],
            created_at=found.appeal.created_at,
        )


class Appeals(BaseModel):
    appeals: list[AppealOut]


class DecideAppeal(_Strict):
    upheld: bool
    decision: str


class Decided(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    state: str
    decision: str
    decided_at: datetime


class DeliveryOut(BaseModel):
    id: UUID
    lawyer: str
    consultation: str
    round: int
    medium: str
    kind: str
    attempts: int
    error: str
    resendable: bool
    created_at: datetime

    @classmethod
    def of(cls, found: DeadDelivery) -> "DeliveryOut":
        delivery = found.delivery
        return cls(
            id=delivery.id,
            lawyer=found.lawyer,
            consultation=found.consultation,
            round=found.round,
            medium=delivery.medium,
            kind=delivery.kind,
            attempts=delivery.attempts,
            error=delivery.error,
            resendable=found.resendable,
            created_at=delivery.created_at,
        )


class Deliveries(BaseModel):
    deliveries: list[DeliveryOut]
