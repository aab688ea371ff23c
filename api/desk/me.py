"""/v1/desk/me: a lawyer's own figures, for today and some days back."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth.dependencies import LawyerId
from api.desk.ratings import MyRatings, ratings
from api.state import State, StateDep
from escalation.my_figures import PERIODS, MyFigures, my_figures, since_days

router = APIRouter(prefix="/v1/desk", tags=["律师"])


class MyPeriod(BaseModel):
    days: int = Field(description="往前几天，今天算一天")
    since: datetime
    pushed: int = Field(description="这段时间开始的提问里，推送给我的轮次")
    answers: int = Field(description="写了几条解答，补充也算")
    rounds: int = Field(description="解答了几轮提问")
    first_three: int = Field(description="其中几轮我在前三位里")
    median_s: float | None = Field(description="从推送到我第一条解答，中位数，秒")
    silent: int = Field(description="到时没有认领也没有解答的推送")

    @classmethod
    def of(cls, days: int, found: MyFigures) -> "MyPeriod":
        return cls.model_validate({"days": days, **{name: getattr(found, name) for name in MyFigures.__slots__}})


class MyDesk(BaseModel):
    today: MyPeriod
    week: MyPeriod
    month: MyPeriod
    ratings: MyRatings


@router.get("/me", summary="我的统计")
def me(lawyer_id: LawyerId, state: StateDep) -> MyDesk:
    return look(state, lawyer_id)


def look(state: State, lawyer_id: UUID) -> MyDesk:
    """The figures as they stand, for the page too."""
    with state.database.read() as session:
        found = {
            name: MyPeriod.of(days, my_figures(session, lawyer_id, since_days(session, days)))
            for name, days in PERIODS.items()
        }
    return MyDesk(**found, ratings=ratings(lawyer_id, state))
