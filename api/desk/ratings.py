"""/v1/desk/ratings and /v1/desk/appeals: how a lawyer was rated, in sums only, and what they can say against it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.auth.dependencies import LawyerId
from api.state import StateDep
from escalation import appeals, consultations
from escalation.dispatcher import nudge
from escalation.models import Appeal
from escalation.ratings import SHOWN_FROM, ratings_of_lawyer

router = APIRouter(prefix="/v1/desk", tags=["律师"])


class MyRatings(BaseModel):
    """好差评的合计：满五次起显示，每满五次更新一次。"""

    enough: bool
    note: str
    counted: int
    by_level: dict[int, int]
    mean: float | None


class AppealAgainst(BaseModel):
    model_config = ConfigDict(extra="forbid")

    consultation: str = Field(max_length=24)
    """Its number: 150900-20261122-0007."""
    text: str


class MyAppeal(BaseModel):
    id: UUID
    consultation: str
    text: str
    state: Literal["open", "upheld", "rejected"]
    decision: str
    created_at: datetime
    decided_at: datetime | None

    @classmethod
    def of(cls, appeal: Appeal, number: str) -> "MyAppeal":
        return cls(
            id=appeal.id,
            consultation=number,
            text=appeal.text,
            state=appeal.state,
            decision=appeal.decision,
            created_at=appeal.created_at,
            decided_at=appeal.decided_at,
        )


class MyAppeals(BaseModel):
    appeals: list[MyAppeal]


@router.get("/ratings", summary="我得到的好差评（只有合计）")
def ratings(lawyer_id: LawyerId, state: StateDep) -> MyRatings:
    with state.database.read() as session:
        found = ratings_of_lawyer(session, lawyer_id)
    enough = found.counted >= SHOWN_FROM
    note = f"最近一次更新含 {found.counted} 次评价，每满五次更新一次。" if enough else "不足五次"
    return MyRatings(enough=enough, note=note, counted=found.counted, by_level=found.by_level, mean=found.mean)


@router.get("/appeals", summary="我的申诉")
def list_appeals(lawyer_id: LawyerId, state: StateDep) -> MyAppeals:
    with state.database.read() as session:
        found = appeals.appeals_of(session, lawyer_id)
    return MyAppeals(appeals=[MyAppeal.of(each, number) for each, number in found])


@router.post("/appeals", status_code=201, summary="就一次咨询的评价提出申诉（一次为限）")
def appeal(body: AppealAgainst, lawyer_id: LawyerId, state: StateDep) -> MyAppeal:
    with state.database.write() as session:
        consultation = consultations.consultation_numbered(session, body.consultation)
        made = appeals.appeal(session, consultation.id, lawyer_id, body.text)
    nudge(state.redis)
    return MyAppeal.of(made, consultation.number)
