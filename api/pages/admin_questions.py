"""没答上的问题 /admin/questions: what many asked and nobody but people could answer; lawyers' answers that can become cards."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.knowledge.asked import GivenAnswer, given_answers
from api.knowledge.clusters import PERIOD, Cluster, Grouping
from api.knowledge.drafts import cards_made, draft_from_answer
from api.pages.admin import ActingReviewer, ReadingReviewer, admin_page
from api.pages.rendering import HEADERS, fragment, is_htmx
from api.state import State, StateDep
from core.clock import now
from escalation.consultations import RATING_LEVELS

router = APIRouter(prefix="/admin/questions")

_WELL_RATED = 4
_OFTEN = 3
_ANSWERS_SHOWN = 12
_WORDINGS_SHOWN = 5
_WORDINGS_TAKEN = 10


@dataclass(frozen=True, slots=True)
class ShownCluster:
    """A group of questions with what lawyers answered to them."""

    cluster: Cluster
    wordings: list[str]
    """How the others put it."""
    answers: list[GivenAnswer]
    """The best rated first."""
    card: str
    """The card that has been made of the best answer; empty where there is none."""

    @property
    def rated(self) -> str:
        levels = [each.level for each in {each.consultation_id: each for each in self.answers}.values() if each.level]
        return f"{len(levels)} 次评价，平均 {sum(levels) / len(levels):.1f} 分（满分 5）" if levels else "还没有评价"

    @property
    def members(self) -> list[UUID]:
        """Whose wordings a card begins with."""
        return [each.message_id for each in self.cluster.questions[:_WORDINGS_TAKEN]]


@router.get("")
def questions(request: Request, who: ReadingReviewer, state: StateDep) -> HTMLResponse:
    """The whole page; for the script the groups alone, which it asks for until they are ready."""
    grouping = state.clusters.look() if state.clusters is not None else None
    shown = _groups(state, grouping)
    context: dict[str, object] = {
        "ready": state.clusters is not None, "grouping": grouping, "shown": shown, "days": PERIOD // timedelta(days=1),
        "levels": RATING_LEVELS,
    }  # fmt: skip
    if is_htmx(request):
        return HTMLResponse(fragment("_questions.html", csrf_token=who.csrf_token, **context), headers=HEADERS)
    answers = _answers(state, shown)
    with state.database.read() as session:
        made = cards_made(session, [each.message_id for each in answers])
    return admin_page(request, "admin_questions.html", who, answers=answers, made=made, **context)


@router.post("/card")
def begin(
    who: ActingReviewer,
    state: StateDep,
    question: Annotated[list[UUID] | None, Form()] = None,
    answer: Annotated[UUID | None, Form()] = None,
    category: Annotated[str, Form()] = "",
) -> Response:
    """A card of these questions: a draft with a lawyer's `answer` in it, made once; without one an empty form."""
    asked = (question or [])[:_WORDINGS_TAKEN]
    if answer is None:
        query = urlencode([*(("question", str(each)) for each in asked), ("category", category)])
        return RedirectResponse(f"/admin/cards/-/new?{query}", 303)
    with state.database.write() as session:
        card = draft_from_answer(session, answer, who.actor, asked)
    return RedirectResponse(f"/admin/cards/{card}", 303)


def _groups(state: State, grouping: Grouping | None) -> list[ShownCluster]:
    if grouping is None:
        return []
    consultations = [each for cluster in grouping.clusters for each in cluster.consultations]
    with state.database.read() as session:
        answers = given_answers(session, of=consultations)
        made = cards_made(session, [each.message_id for each in answers])
    found = []
    for cluster in grouping.clusters:
        mine = set(cluster.consultations)
        own = [each for each in answers if each.consultation_id in mine]
        others = dict.fromkeys(each.text for each in cluster.questions if each.text != cluster.newest.text)
        card = next((made[each.message_id] for each in own if each.message_id in made), "")
        found.append(ShownCluster(cluster, list(others)[:_WORDINGS_SHOWN], own, card))
    return found


def _answers(state: State, shown: list[ShownCluster]) -> list[GivenAnswer]:
    """The answers of the period that are worth a card: well rated, or to what was asked three times and more."""
    with state.database.read() as session:
        recent = given_answers(session, since=now() - PERIOD)
    often = {each for group in shown if len(group.cluster.questions) >= _OFTEN for each in group.cluster.consultations}
    worth = [
        each
        for each in recent
        if (each.level or 0) >= _WELL_RATED or (each.level is None and each.consultation_id in often)
    ]
    return worth[:_ANSWERS_SHOWN]
