"""`/consultations`: the citizen's consultations as a list, and each by itself: the lawyers' answers beside each other, on paper."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from api.pages import citizen
from api.pages.bubbles import Bubble, bubbles, waiting
from api.pages.chat import messages_of
from api.pages.citizen import BegunChat, FromThisSite
from api.pages.paper import Passage, as_pdf
from api.pages.rendering import page
from api.state import StateDep
from bot.actions.wording import lawyer_title
from core.clock import local, now
from escalation import conversations
from escalation.consultations import consultation_numbered, latest_consultation, lawyers_who_answered
from escalation.errors import NotFound
from escalation.models import Consultation, Conversation, Message
from escalation.progress import progress_of
from escalation.threads import consultations_of, thread_of
from services.catalogue import SERVICES
from services.requests import STATES, requests_of

router = APIRouter()

_CONSULTATION_STATES = {"waiting": "等律师解答", "answered": "可以继续追问", "closed": "已结束"}
_AUTHORS = {"citizen": "市民", "service": "问法"}


@dataclass(frozen=True, slots=True)
class _Kept:
    """A conversation of this browser, with what has come of it."""

    conversation: Conversation
    current: bool
    consultations: list[tuple[Consultation, Message, int, str]]
    """Each with its first question, how many lawyers have answered, and its state in words."""
    requests: list[tuple[str, str, str]]
    """Number, service and state of the requests to offices."""
    last: Message | None
    """What was said last, where there is nothing else to tell it by."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A consultation in one of the browser's own conversations."""

    consultation: Consultation
    conversation: Conversation
    current: bool
    """The conversation is the one on the browser's page."""


def own_consultation(request: Request, state: StateDep, number: str) -> _Own:
    """The consultation of this number. 404 for everybody else's."""
    with state.database.read() as session:
        found = consultation_numbered(session, number)
    for conversation, cookie in citizen.kept_chats(request, state):
        if conversation.id == found.conversation_id:
            return _Own(found, conversation, cookie == request.cookies.get(citizen.CHAT_COOKIE))
    raise NotFound("没有这个咨询。")


OwnConsultation = Annotated[_Own, Depends(own_consultation)]


@router.get("/consultations")
def threads(request: Request, state: StateDep) -> Response:
    """All of this browser's, the conversation on its page first."""
    kept = []
    with state.database.read() as session:
        for conversation, cookie in citizen.kept_chats(request, state):
            found = consultations_of(session, conversation.id)
            recent = conversations.recent_messages(session, conversation.id)
            kept.append(
                _Kept(
                    conversation,
                    cookie == request.cookies.get(citizen.CHAT_COOKIE),
                    [
                        (each, question, len(lawyers_who_answered(session, each.id)), _CONSULTATION_STATES[each.state])
                        for each, question in found
                    ],
                    [
                        (each.number, SERVICES[each.service].name, STATES[each.state])
                        for each in requests_of(session, conversation.id, 20)
                    ],
                    next((each for each in recent if each.author == "citizen"), None),
                )
            )
    return page(request, "threads.html", kept=kept)


@router.post("/consultations/open", dependencies=[FromThisSite])
def open_aside(request: Request, state: StateDep, conversation: Annotated[UUID, Form()]) -> Response:
    """Another of the browser's conversations on its page."""
    response = RedirectResponse("/", 303)
    for each, cookie in citizen.kept_chats(request, state):
        if each.id == conversation:
            citizen.keep_chat(request, state, response, cookie)
    return response


@router.post("/consultations/forget", dependencies=[FromThisSite])
def forget(request: Request, state: StateDep, conversation: Annotated[UUID, Form()]) -> Response:
    """What opened the conversation here opens it no longer; with another key it can still be read."""
    response = RedirectResponse("/consultations", 303)
    for each, cookie in citizen.kept_chats(request, state):
        if each.id == conversation:
            with state.database.write() as session:
                conversations.forget_token(session, each.id, cookie.partition(".")[2])
            citizen.let_go(request, state, response, each.id)
    return response


@router.get("/consultations/{number}.pdf")
def on_paper(state: StateDep, own: OwnConsultation) -> Response:
    """One consultation: the questions, and what the lawyers answered with the articles they cite."""
    consultation = own.consultation
    with state.database.read() as session:
        exchanges = thread_of(session, consultation.id)
        shown = bubbles(session, [message for each in exchanges for message in (*each.asked, *each.answers)])
    return _pdf(f"法律咨询记录 {consultation.number}", f"咨询 {consultation.number}", consultation.region, shown)


@router.get("/conversation.pdf")
def all_on_paper(state: StateDep, conversation: BegunChat) -> Response:
    """All that was said in the conversation on the page."""
    with state.database.read() as session:
        shown = bubbles(session, messages_of(session, conversation.id))
    return _pdf("法律咨询记录", "全部会话", conversation.region, shown)


@router.get("/consultations/{number}")
def thread(request: Request, state: StateDep, own: OwnConsultation) -> Response:
    consultation, conversation = own.consultation, own.conversation
    with state.database.read() as session:
        progress = progress_of(session, consultation)
        exchanges = [
            (each.number, bubbles(session, each.asked), bubbles(session, each.answers))
            for each in thread_of(session, consultation.id)
        ]
        newest = latest_consultation(session, conversation.id)
    return page(
        request,
        "thread.html",
        consultation=consultation,
        current=own.current,
        asking_on=newest is not None and newest.id == consultation.id and consultation.state != "closed",
        last_seq=conversation.last_seq,
        progress=progress,
        waiting=waiting(progress),
        comparable=False,
        exchanges=exchanges,
        lawyers=len(progress.lawyers),
    )


def _pdf(title: str, about: str, region: str, shown: list[Bubble]) -> Response:
    passages = [
        Passage(
            who=_who(each),
            at=each.created_at,
            text=each.text,
            citations=[(f"《{cited.law}》{cited.article}（{cited.version}，{cited.status}）", cited.text) for cited in each.citations],
        )
        for each in shown
    ]  # fmt: skip
    name = f"{title}-{local(now()):%Y%m%d}.pdf"
    return Response(
        as_pdf(title, about, region, passages),
        media_type="application/pdf",
        headers={
            "Content-Disposition": f"attachment; filename=\"wenfa.pdf\"; filename*=UTF-8''{quote(name)}",
            "Cache-Control": "no-store",
        },
    )


def _who(bubble: Bubble) -> str:
    if bubble.author != "lawyer":
        return _AUTHORS[bubble.author]
    return f"{lawyer_title(bubble.lawyer)}{f'（{bubble.firm}）' if bubble.firm else ''}"
