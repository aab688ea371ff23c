"""Looks at the record for the board: what /v1/board tells in JSON and CSV, and what the page shows, come from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.board.figure_schemas import (
    Axis,
    Breakdown,
    DeliveriesOfMedium,
    Knowledge,
    LawyerBreakdown,
    LawyerRow,
    Media,
    PostOut,
    Posts,
    Promise,
    Questions,
    Satisfaction,
    Summary,
    Timeline,
    TimelineRow,
    WaitingNow,
    of,
)
from api.board.period import Period
from channels.posts import post_figures
from core.database import database_now
from escalation import appeals, call_backs, deliveries
from escalation.figures.knowledge import knowledge_figures, questions_without_card
from escalation.figures.lawyers import lawyer_figures
from escalation.figures.promise import promise_figures
from escalation.figures.rounds import Dimension, Tallies, tallies
from escalation.figures.timeline import slots_of, timeline, unit_of
from escalation.figures.waiting import waiting_now

AXES: tuple[Axis, ...] = ("region", "kind", "tier", "category", "channel")


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the board's first page shows of a period and a region."""

    summary: Summary
    timeline: Timeline
    breakdowns: dict[Axis, Breakdown]
    satisfaction: Satisfaction
    knowledge: Knowledge
    questions: Questions
    media: Media
    posts: Posts


def look_overview(session: Session, period: Period, region: str) -> Overview:
    """Everything at once: the rounds, of which there are most, are gone through once for all that is counted of them."""
    dimensions: Sequence[Dimension] = ("all", slots_of(period.since, period.until), *AXES)
    counted = tallies(session, period.since, period.until, region, dimensions)
    summary = look_summary(session, period, region, counted)
    return Overview(
        summary=summary,
        timeline=look_timeline(session, period, region, counted),
        breakdowns={by: Breakdown.made(by, period, region, counted[by]) for by in AXES},
        satisfaction=Satisfaction.made(period, region, summary.promise),
        knowledge=look_knowledge(session, period, region),
        questions=look_questions(session, period, region),
        media=Media(media=summary.deliveries),
        posts=look_posts(session, period, region),
    )


def look_summary(session: Session, period: Period, region: str, counted: Tallies | None = None) -> Summary:
    """The figures of a region and a period, with what waits for a supervisor now."""
    promise = promise_figures(session, period.since, period.until, region, counted)
    return Summary(
        **of(period, region),
        promise=Promise.made(promise),
        open_call_backs=call_backs.count_open_call_backs(session, region),
        open_appeals=appeals.count_open_appeals(session, region),
        deliveries=look_media(session).media,
    )


def look_breakdown(session: Session, period: Period, region: str, by: Axis) -> Breakdown:
    return Breakdown.made(by, period, region, tallies(session, period.since, period.until, region, [by])[by])


def look_lawyers(session: Session, period: Period, region: str) -> LawyerBreakdown:
    found = lawyer_figures(session, period.since, period.until, region)
    return LawyerBreakdown(**of(period, region), rows=[LawyerRow.made(each) for each in found])


def look_timeline(session: Session, period: Period, region: str, counted: Tallies | None = None) -> Timeline:
    found = timeline(session, period.since, period.until, region, counted)
    unit = unit_of(period.since, period.until)
    return Timeline(**of(period, region), unit=unit, rows=[TimelineRow.made(each) for each in found])


def look_waiting(session: Session, region: str, limit: int) -> WaitingNow:
    return WaitingNow.made(database_now(session), region, waiting_now(session, region, limit))


def look_satisfaction(session: Session, period: Period, region: str) -> Satisfaction:
    return Satisfaction.made(period, region, look_summary(session, period, region).promise)


def look_knowledge(session: Session, period: Period, region: str) -> Knowledge:
    return Knowledge.made(period, region, knowledge_figures(session, period.since, period.until, region))


def look_questions(session: Session, period: Period, region: str) -> Questions:
    return Questions.made(period, region, questions_without_card(session, period.since, period.until, region))


def look_media(session: Session) -> Media:
    """Of all regions, ever since: what a medium does is no region's affair."""
    return Media(media=[DeliveriesOfMedium.model_validate(each) for each in deliveries.delivery_figures(session)])


def look_posts(session: Session, period: Period, region: str) -> Posts:
    return Posts(posts=[PostOut.of(each) for each in post_figures(session, region, period.since, period.until)])
