"""问答卡片 /admin/cards: what waits for review, every card found, written, held against the law, published, taken out of service."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.knowledge import cards as verbs
from api.knowledge.asked import given_answer, questions_by_id
from api.knowledge.cards import MisfilledCard
from api.knowledge.drafts import answer_of, as_questions
from api.knowledge.preview import examine
from api.knowledge.works import Kind, Works
from api.pages.admin import ActingReviewer, ReadingReviewer, admin_page
from api.pages.card_form import CardForm, card_form, preview_bubbles
from api.pages.rendering import HEADERS, form_id, fragment
from api.problems import status_of
from api.state import State, StateDep
from core.log import get_logger
from core.paging import page_of
from escalation.consultations import RATING_LEVELS
from escalation.errors import Conflict, Refused
from knowledge_base.cards.files import CATEGORIES, MAX_ANSWER
from knowledge_base.cards.shelf import Waiting, card_regions, find_cards, waiting_cards
from knowledge_base.models import Card, CardState

log = get_logger("api")
router = APIRouter(prefix="/admin/cards")

_A_PAGE = 30
_FIRST_OF_EACH = 8
_STATES = {"review": "法规变了，已停用", "draft": "草稿", "published": "已发布", "withdrawn": "已撤下"}
Typed = Annotated[CardForm, Depends(card_form)]


@router.get("")
def cards(
    request: Request,
    who: ReadingReviewer,
    state: StateDep,
    q: Annotated[str, Query(max_length=100)] = "",
    card_state: Annotated[str, Query(alias="state")] = "",
    category: Annotated[str, Query()] = "",
    region: Annotated[str, Query()] = "",
    waiting: Annotated[str, Query()] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """What waits for review first, then all cards. `waiting`: all of those that wait for this reason."""
    chosen = {
        "q": q.strip(),
        "state": card_state if card_state in _STATES else "",
        "category": category,
        "region": region,
    }
    with state.database.read() as session:
        places = card_regions(session)
        chosen["region"] = region if region in places else ""
        queue = waiting_cards(session)
        found = find_cards(
            session, chosen["q"], state=chosen["state"], category=category, region=chosen["region"]
        )  # fmt: skip
    reasons = [(each, [row for row in queue if row.waiting is each]) for each in Waiting]
    return admin_page(
        request, "admin_cards.html", who, chosen=chosen, found=page_of(found, number, _A_PAGE), waiting=waiting,
        queue=[(each, rows if waiting == each else rows[:_FIRST_OF_EACH], len(rows)) for each, rows in reasons if rows],
        states=_STATES, categories=CATEGORIES, places=places, filtered=any(chosen.values()),
        building=_building(state),
    )  # fmt: skip


@router.get("/-/new")
def new(
    request: Request,
    who: ReadingReviewer,
    state: StateDep,
    question: Annotated[list[UUID] | None, Query()] = None,
    category: Annotated[str, Query()] = "",
) -> HTMLResponse:
    """An empty form; with `question` one that has the citizens' questions of these messages in it, masked."""
    with state.database.read() as session:
        asked = as_questions(questions_by_id(session, (question or [])[:_A_PAGE]))
    form = CardForm(category=category if category in CATEGORIES else "", questions="\n".join(asked))
    return _page(request, state, who, f"card-{form_id()}", form, None, check=bool(asked))


@router.post("/-/check")
def check(who: ActingReviewer, state: StateDep, form: Typed, card_id: Annotated[str, Form()] = "") -> HTMLResponse:
    """Citations, preview and similar cards, for the script: while somebody types."""
    return HTMLResponse(fragment("_card_check.html", said=True, **_checked(state, card_id, form)), headers=HEADERS)


@router.get("/{card_id}")
def card(request: Request, card_id: str, who: ReadingReviewer, state: StateDep) -> HTMLResponse:
    held = _card(state, card_id)
    return _page(request, state, who, card_id, CardForm.of(held), held, check=True)


@router.post("/{card_id}")
def save(
    request: Request,
    card_id: str,
    who: ActingReviewer,
    state: StateDep,
    form: Typed,
    do: Annotated[str, Form()] = "save",
) -> Response:
    """Keep it as a draft, or publish it in the same breath: where the law does not bear it out, nothing is kept."""
    written, form = form.read()
    if do == "check" or form.faults:
        return _page(request, state, who, card_id, form, _held(state, card_id), check=True, refused=bool(form.faults))
    try:
        with state.database.write() as session:
            verbs.save(session, card_id, written, who.actor, seen=form.seen_at)
            if do == "publish":
                verbs.publish(session, card_id, who.staff.name, who.actor)
    except Refused as refused:
        return _page(request, state, who, card_id, form, _held(state, card_id), check=True, why=refused)
    return _done(state, who, card_id, published=do == "publish")


@router.post("/{card_id}/publish")
def publish(request: Request, card_id: str, who: ActingReviewer, state: StateDep) -> Response:
    """As it is, after somebody has looked at it again."""
    try:
        with state.database.write() as session:
            verbs.publish(session, card_id, who.staff.name, who.actor)
    except Refused as refused:
        return _again(request, state, who, card_id, refused)
    return _done(state, who, card_id, published=True)


@router.post("/{card_id}/withdraw")
def withdraw(
    request: Request, card_id: str, who: ActingReviewer, state: StateDep, reason: Annotated[str, Form()] = ""
) -> Response:
    return _taken_back(verbs.withdraw, request, state, who, card_id, reason)


@router.post("/{card_id}/return")
def return_to_draft(
    request: Request, card_id: str, who: ActingReviewer, state: StateDep, reason: Annotated[str, Form()] = ""
) -> Response:
    return _taken_back(verbs.return_to_draft, request, state, who, card_id, reason)


def _taken_back(
    verb: Callable[[Session, str, str, str], object],
    request: Request,
    state: State,
    who: LoggedIn,
    card_id: str,
    reason: str,
) -> Response:
    try:
        with state.database.write() as session:
            verb(session, card_id, who.actor, reason)
    except Refused as refused:
        return _again(request, state, who, card_id, refused, reason)
    return _done(state, who, card_id)


def _done(state: State, who: LoggedIn, card_id: str, *, published: bool = False) -> Response:
    """Back to the card. What was published answers from the next index on, which is begun at once."""
    if published and state.knowledge_base is not None:  # else nobody is answered from an index before the next start
        try:
            Works(state.settings).build(
                who.staff.name, who.actor, then=state.knowledge_base.reload
            )  # fmt: skip
        except Conflict:
            pass  # one is being built: it looks at the end whether anything has come in since
        except OSError:
            log.exception("没有能建立索引，须人工建立")
    return RedirectResponse(f"/admin/cards/{card_id}", 303)


def _again(
    request: Request, state: State, who: LoggedIn, card_id: str, refused: Refused, reason: str = ""
) -> HTMLResponse:
    held = _card(state, card_id)
    return _page(request, state, who, card_id, CardForm.of(held), held, check=True, why=refused, reason=reason)


def _page(
    request: Request,
    state: State,
    who: LoggedIn,
    card_id: str,
    form: CardForm,
    held: Card | None,
    *,
    check: bool,
    refused: bool = False,
    why: Refused | None = None,
    reason: str = "",
) -> HTMLResponse:
    """The card's page. `why`: what was asked for was refused, for this reason; what was typed stays."""
    faults = {**form.faults, **(why.faults if isinstance(why, MisfilledCard) else {})}
    if why is not None and why.field and not faults:
        faults[why.field] = why.message
    with state.database.read() as session:
        history = verbs.history(session, card_id) if held is not None else []
        answer_id = answer_of(card_id)
        answer = given_answer(session, answer_id) if answer_id is not None else None
    status = status_of(why) if why is not None else 422 if refused else 200
    return admin_page(
        request, "admin_card.html", who, status, card_id=card_id, form=form, held=held, faults=faults,
        error=why.message if why is not None and not faults else "", history=history, levels=RATING_LEVELS,
        categories=CATEGORIES, max_answer=MAX_ANSWER, building=_building(state), reason=reason, answer=answer,
        in_index=_in_index(state, held), said=False, **(_checked(state, card_id, form) if check else _UNCHECKED),
    )  # fmt: skip


_UNCHECKED: dict[str, object] = {"examined": None, "bubbles": [], "ready": True, "unread": ""}


def _checked(state: State, card_id: str, form: CardForm) -> dict[str, object]:
    written, form = form.read()
    with state.database.read() as session:
        examined = examine(session, state.knowledge_base, card_id, written)
    title = written.questions[0] if written.questions else ""
    return {
        "examined": examined,
        "bubbles": preview_bubbles(title, examined),
        "ready": state.knowledge_base is not None,
        "unread": form.faults.get("citations", ""),
    }


def _card(state: State, card_id: str) -> Card:
    held = _held(state, card_id)
    if held is None:
        raise HTTPException(404, "没有这张卡片")
    return held


def _held(state: State, card_id: str) -> Card | None:
    with state.database.read() as session:
        return session.get(Card, card_id)


def _building(state: State) -> bool:
    work = Works(state.settings).last(Kind.BUILD)
    return work is not None and work.state == "running"


def _in_index(state: State, held: Card | None) -> bool:
    """Whether the index in service has the card's questions."""
    if held is None or state.knowledge_base is None or held.state != CardState.PUBLISHED:
        return False
    owners, _ = state.knowledge_base.indexed_questions()
    return owners.count(held.id) == len(held.questions)
