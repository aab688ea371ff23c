"""The board's figures as they go out over /v1/board. What each counts: docs/ESCALATION.md."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from api.board.period import Period
from channels.orders import CHANNELS
from channels.posts import PostFigures
from core.regions import full_name, get_region
from escalation.consultations import RATING_LEVELS
from escalation.desk import RoundView
from escalation.figures.knowledge import TURNED_WITHIN, KnowledgeFigures, RepeatedQuestion
from escalation.figures.lawyers import LawyerFigures
from escalation.figures.promise import PromiseFigures
from escalation.figures.rounds import FOLLOW_UP, QUESTION, Tally
from escalation.figures.silence import SilentLawyer
from escalation.figures.timeline import Stretch, Unit
from escalation.figures.waiting import Waiting

KINDS = {QUESTION: "首次提问", FOLLOW_UP: "追问"}
TIERS = {"addressed": "追问到的律师", "city": "本市", "province": "全省（区）", "nation": "全国"}

Axis = Literal["kind", "region", "tier", "category", "channel"]


class Share(BaseModel):
    """How many of those that are due were in time. What still has time is not due."""

    in_time: int
    of: int
    share: float | None

    @classmethod
    def make(cls, in_time: int, of: int) -> "Share":
        return cls(in_time=in_time, of=of, share=round(in_time / of, 4) if of else None)


class Counts(BaseModel):
    """Rounds. `kept`: met before the deadline. `broken`: the deadline passed without it. The rest still waits, or ended before.

    The numbers 3, 6, 10 are minutes where no region has decided otherwise.
    """

    rounds: int
    kept: int
    broken: int
    first_3: Share
    first_6: Share
    first_10: Share
    quorum_10: Share

    @classmethod
    def of(cls, tally: Tally) -> "Counts":
        return cls(**_counts(tally))


class Promise(Counts):
    questions: Counts
    follow_ups: Counts
    first_median_s: float | None
    first_p90_s: float | None
    third_median_s: float | None
    third_p90_s: float | None
    ratings: dict[int, int]
    closed: int
    rated: int
    rated_share: float | None

    @classmethod
    def made(cls, found: PromiseFigures) -> "Promise":
        times = ("first_median_s", "first_p90_s", "third_median_s", "third_p90_s")
        return cls(
            **_counts(found.tally),
            questions=Counts.of(found.questions),
            follow_ups=Counts.of(found.follow_ups),
            ratings=found.ratings,
            closed=found.closed,
            rated=found.rated,
            rated_share=found.rated_share,
            **{name: getattr(found, name) for name in times},
        )


class Of(BaseModel):
    """Which period and which region the figures are of."""

    since: datetime
    until: datetime
    region: str
    region_name: str


class DeliveriesOfMedium(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    medium: str
    waiting: int
    sent: int
    dead: int
    dropped: int
    oldest_waiting: datetime | None
    error: str


class Media(BaseModel):
    media: list[DeliveriesOfMedium]


class Summary(Of):
    promise: Promise
    open_call_backs: int
    open_appeals: int
    deliveries: list[DeliveriesOfMedium]


class BreakdownRow(Counts):
    key: str
    name: str


class Breakdown(Of):
    by: Axis
    rows: list[BreakdownRow]

    @classmethod
    def made(cls, by: Axis, period: Period, region: str, found: Mapping[str, Tally]) -> "Breakdown":
        """The rows in the order of the words where those have one, else those with most rounds first."""
        order = list({"kind": KINDS, "tier": TIERS}.get(by, {}))
        keys = sorted(
            found, key=lambda key: (order.index(key) if key in order else len(order), -found[key].rounds, key)
        )
        rows = [BreakdownRow(key=key, name=_name(by, key, region), **_counts(found[key])) for key in keys]
        return cls(**of(period, region), by=by, rows=rows)


class LawyerRow(BaseModel):
    lawyer_id: UUID
    name: str
    firm: str
    region: str
    region_name: str
    answered: int
    median_s: float | None
    silent: int
    rated: int
    mean: float | None
    dissatisfied: int

    @classmethod
    def made(cls, found: LawyerFigures) -> "LawyerRow":
        lawyer = found.lawyer
        names = ("answered", "median_s", "silent", "rated", "mean", "dissatisfied")
        return cls(
            lawyer_id=lawyer.id,
            name=lawyer.name,
            firm=lawyer.firm,
            region=lawyer.region,
            region_name=full_name(lawyer.region),
            **{name: getattr(found, name) for name in names},
        )


class LawyerBreakdown(Of):
    by: Literal["lawyer"] = "lawyer"
    rows: list[LawyerRow]


class TimelineRow(Counts):
    start: datetime
    end: datetime

    @classmethod
    def made(cls, found: Stretch) -> "TimelineRow":
        return cls(start=found.start, end=found.end, **_counts(found.tally))


class Timeline(Of):
    unit: Unit
    rows: list[TimelineRow]


class WaitingRow(BaseModel):
    id: UUID
    consultation: str
    number: int
    question: str
    region: str
    region_name: str
    category: str
    tier: str
    urgent: bool
    answered: int
    quorum: int
    writing: list[str]
    started_at: datetime
    deadline: datetime

    @classmethod
    def made(cls, view: RoundView) -> "WaitingRow":
        names = (
            "id", "consultation", "number", "question", "region", "category", "tier", "urgent", "answered", "quorum",
            "started_at", "deadline",
        )  # fmt: skip
        return cls(
            region_name=full_name(view.region),
            writing=[name for _, name in view.writing],
            **{name: getattr(view, name) for name in names},
        )


class WaitingNow(BaseModel):
    """`count`, `overdue`, `urgent` and `by_tier` are of all that wait, `rounds` of the first of them."""

    at: datetime
    region: str
    region_name: str
    count: int
    overdue: int
    urgent: int
    by_tier: dict[str, int]
    rounds: list[WaitingRow]

    @classmethod
    def made(cls, at: datetime, region: str, found: Waiting) -> "WaitingNow":
        return cls(
            at=at,
            region=region,
            region_name=full_name(region),
            count=found.count,
            overdue=found.overdue,
            urgent=found.urgent,
            by_tier={tier: found.by_tier.get(tier, 0) for tier in TIERS},
            rounds=[WaitingRow.made(each) for each in found.rounds],
        )


class RepeatedOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    text: str
    times: int
    consultations: int
    last_at: datetime


class Knowledge(Of):
    """`turned`: of the answers, after how many a consultation was opened in the conversation within `turned_within_h`."""

    answered: int
    turned: int
    turned_share: float | None
    turned_within_h: float
    asked_back: int
    consultations: int
    straight: int
    answered_share: float | None
    """Of the questions that the law answered or that went straight to lawyers."""

    @classmethod
    def made(cls, period: Period, region: str, found: KnowledgeFigures) -> "Knowledge":
        settled = found.answered + found.straight
        return cls(
            **of(period, region),
            answered=found.answered,
            turned=found.turned,
            turned_share=round(found.turned / found.answered, 4) if found.answered else None,
            turned_within_h=TURNED_WITHIN.total_seconds() / 3600,
            asked_back=found.asked_back,
            consultations=found.consultations,
            straight=found.straight,
            answered_share=round(found.answered / settled, 4) if settled else None,
        )


class Questions(Of):
    questions: list[RepeatedOut]

    @classmethod
    def made(cls, period: Period, region: str, found: list[RepeatedQuestion]) -> "Questions":
        return cls(**of(period, region), questions=[RepeatedOut.model_validate(each) for each in found])


class LevelRow(BaseModel):
    level: int
    name: str
    ratings: int
    share: float | None


class Satisfaction(Of):
    """`closed`: consultations closed in the period and closed still. `rated`: how many of them have been rated."""

    levels: list[LevelRow]
    ratings: int
    satisfied_share: float | None
    """基本满意 and better."""
    closed: int
    rated: int
    rated_share: float | None

    @classmethod
    def made(cls, period: Period, region: str, promise: Promise) -> "Satisfaction":
        total = sum(promise.ratings.values())
        return cls(
            **of(period, region),
            levels=[
                LevelRow(level=level, name=name, ratings=(n := promise.ratings[level]), share=_share(n, total))
                for level, name in RATING_LEVELS.items()
            ],
            ratings=total,
            satisfied_share=_share(sum(n for level, n in promise.ratings.items() if level >= 3), total),
            closed=promise.closed,
            rated=promise.rated,
            rated_share=promise.rated_share,
        )


class SilentOut(BaseModel):
    lawyer_id: UUID
    name: str
    firm: str
    region_name: str
    silent: int

    @classmethod
    def of(cls, found: SilentLawyer) -> "SilentOut":
        lawyer = found.lawyer
        name = full_name(lawyer.region)
        return cls(lawyer_id=lawyer.id, name=lawyer.name, firm=lawyer.firm, region_name=name, silent=found.silent)


class Silent(BaseModel):
    lawyers: list[SilentOut]


class PostOut(BaseModel):
    """What came of a post."""

    code: str
    name: str
    region: str
    region_name: str
    keeper: str
    conversations: int
    messages: int
    consultations: int

    @classmethod
    def of(cls, figures: PostFigures) -> "PostOut":
        post = figures.post
        return cls(
            code=post.code,
            name=post.name,
            region=post.region,
            region_name=full_name(post.region),
            keeper=post.keeper,
            conversations=figures.conversations,
            messages=figures.messages,
            consultations=figures.consultations,
        )


class Posts(BaseModel):
    posts: list[PostOut]


def of(period: Period, region: str) -> dict[str, Any]:
    """The fields of `Of`."""
    return {"since": period.since, "until": period.until, "region": region, "region_name": full_name(region)}


def _counts(tally: Tally) -> dict[str, Any]:
    return {
        "rounds": tally.rounds,
        "kept": tally.kept,
        "broken": tally.broken,
        "first_3": Share.make(tally.first_3, tally.first_3_of),
        "first_6": Share.make(tally.first_6, tally.first_6_of),
        "first_10": Share.make(tally.first_10, tally.first_10_of),
        "quorum_10": Share.make(tally.kept, tally.kept + tally.broken),
    }


def _name(by: Axis, key: str, region: str) -> str:
    if by == "region":
        name = get_region(key).name
        return f"{name}（未写明下级）" if key == region and get_region(key).level != "county" else name
    return {"kind": KINDS, "tier": TIERS, "channel": CHANNELS}.get(by, {}).get(key, key)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
