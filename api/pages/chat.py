"""The citizen's page `/`: ask, read, follow live. Works as plain forms; the script only makes it quicker."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.conversations.endpoints import message_service
from api.limits import allow
from api.pages import citizen
from api.pages.bubbles import addressable, bubbles, waiting
from api.pages.citizen import CHAT_COOKIE, BegunChat, FromThisSite, OwnChat, OwnDevice
from api.pages.errors import says
from api.pages.region import region_choices
from api.pages.rendering import HEADERS, TYPE_COOKIE, form_id, fragment, is_htmx, page
from api.problems import status_of
from api.state import State, StateDep
from bot.actions.services import MENU
from bot.actions.wording import minutes
from channels.links import conversation_behind
from channels.models import Device
from channels.posts import find_post
from escalation import consultations, conversations
from escalation.errors import Refused
from escalation.journal import conversation_topic
from escalation.models import Conversation, Message
from escalation.progress import Progress, progress_of
from knowledge_base.cards.browse import categories_with_cards, titles_in

router = APIRouter()

_EIGHT_SERVICES = MENU[:8]
_OF_A_TOPIC = 30
_EVERYDAY = (
    "老板拖欠工资怎么办？",
    "试用期最长可以多久？",
    "借给别人的钱要不回来怎么办？",
    "买到假货可以要求赔多少？",
    "离婚时孩子归谁抚养？",
)
_PAGE_OF_MESSAGES = 500


@router.get("/")
def chat(
    request: Request,
    state: StateDep,
    conversation: OwnChat,
    device: OwnDevice,
    region: Annotated[str, Query()] = "",
    to: Annotated[UUID | None, Query()] = None,
    topic: Annotated[str, Query(max_length=16)] = "",
) -> Response:
    if region:
        return _with_region(state, conversation, region)
    if device is not None:
        return RedirectResponse(f"/kiosk?to={to}" if to else "/kiosk", 303)
    response = chat_page(request, state, conversation, to=[to] if to else [], topic=topic)
    if conversation is not None:  # whoever comes back keeps it as long again
        citizen.keep_chat(request, state, response, request.cookies[CHAT_COOKIE])
    return response


@router.get("/q/{code}")
def from_post(state: StateDep, conversation: OwnChat, code: str) -> Response:
    """What the QR code of a post opens: the page, for the place where it hangs. A code that is none is let pass."""
    with state.database.read() as session:
        post = find_post(session, code)
    response = _with_region(state, conversation, post.region if post else "")
    if post is not None:
        response.set_cookie(citizen.POST_COOKIE, post.code, citizen.KEPT_SECONDS, httponly=True, samesite="lax")
    return response


@router.get("/t/{signed}")
def open_thread(request: Request, state: StateDep, signed: str) -> Response:
    """What a link in WeChat opens: that conversation, on this phone from now on."""
    conversation_id = conversation_behind(state.settings, signed)
    if conversation_id is None:
        return says(request, 404, "链接不对，或已过期。请回到原来的地方，再点一次最新的链接。")
    with state.database.write() as session:
        token = conversations.make_key(session, conversation_id, f"citizen:{conversation_id}")
    response = RedirectResponse("/", 303)
    citizen.keep_chat(request, state, response, f"{conversation_id}.{token}")
    return response


@router.post("/chat/messages", dependencies=[FromThisSite])
async def send(
    request: Request,
    state: StateDep,
    conversation: OwnChat,
    device: OwnDevice,
    client_message_id: Annotated[str, Form(min_length=32, max_length=64)],
    text: Annotated[str, Form()] = "",
    address_to: Annotated[list[UUID], Form()] = [],  # noqa: B006 (FastAPI copies it)
) -> Response:
    """One message: typed, or a pressed button's payload. The script gets the new bubbles, a browser without it the page."""
    cookie = request.cookies.get(CHAT_COOKIE, "")
    try:
        if conversation is None and text.strip():
            region = citizen.region_for(request, state, None)
            post = request.cookies.get(citizen.POST_COOKIE, "")
            conversation, cookie = await run_in_threadpool(
                citizen.begin_chat, state, device, region, post, client_message_id
            )
        if conversation is None:
            raise Refused("请先写下您的问题，再发送。")
        await allow(state, str(conversation.id))
        message, replies, _ = await message_service(request).receive(
            conversation.id, text, client_message_id, address_to[:20]
        )
    except Refused as refused:
        if is_htmx(request):
            return says(request, status_of(refused), refused.message)
        return await run_in_threadpool(
            chat_page, request, state, conversation, status_of(refused),
            device=device, error=refused.message, draft=text, to=address_to,
        )  # fmt: skip
    if is_htmx(request):
        html = await run_in_threadpool(_pieces, state, conversation, [message, *replies])
        response: Response = HTMLResponse(html, headers=HEADERS)
    else:
        response = RedirectResponse(f"{citizen.home(device)}#m-{(replies or [message])[0].seq}", 303)
    citizen.keep_chat(request, state, response, cookie)
    return response


@router.get("/chat/events", response_class=EventSourceResponse)
async def events(
    state: StateDep,
    conversation: BegunChat,
    after: Annotated[int, Query(ge=0)] = 0,
    last_event_id: Annotated[int, Header(ge=0)] = 0,
) -> AsyncIterator[ServerSentEvent]:
    """Each bubble as HTML under its sequence number, and the state of the consultation (no id) whenever it has changed."""
    seq, told = max(after, last_event_id), None
    async for _ in state.hub.changes(conversation_topic(conversation.id)):
        shown, progress = await run_in_threadpool(_news, state, conversation, seq)
        for number, html in shown:
            seq = number
            yield ServerSentEvent(event="piece", id=str(number), raw_data=html)
        if progress is not None and progress != told:
            told = progress
            yield ServerSentEvent(event="piece", raw_data=_status_html(state, progress))


@router.post("/type", dependencies=[FromThisSite])
def type_size(size: Annotated[str, Form()], back: Annotated[str, Form()] = "/") -> Response:
    """Larger type or normal type, for a year."""
    local = back.startswith("/") and not back.startswith(("//", "/\\"))
    response = RedirectResponse(back if local else "/", 303)
    response.set_cookie(TYPE_COOKIE, "large" if size == "large" else "normal", 365 * 24 * 3600, samesite="lax")
    return response


def _with_region(state: State, conversation: Conversation | None, code: str) -> RedirectResponse:
    """What a QR code at a service point opens: the same page, for the place it hangs in. A misprinted code is let pass."""
    response = RedirectResponse("/", 303)
    if citizen.is_region(code):
        response.set_cookie(citizen.REGION_COOKIE, code, citizen.KEPT_SECONDS, httponly=True, samesite="lax")
        if conversation is not None and conversation.region != code:
            with state.database.write() as session:
                conversations.set_region(session, conversation.id, code)
    return response


def chat_page(
    request: Request,
    state: State,
    conversation: Conversation | None,
    status: int = 200,
    *,
    device: Device | None = None,
    error: str = "",
    draft: str = "",
    to: list[UUID] | None = None,
    topic: str = "",
) -> HTMLResponse:
    """The page to ask on: a phone's or a computer's, or a device's. `topic`: a category of questions to choose from."""
    messages: list[Message] = []
    progress: Progress | None = None
    shown = []
    if conversation is not None:
        with state.database.read() as session:
            messages = messages_of(session, conversation.id)
            progress = _progress(state, conversation)
            shown = bubbles(session, messages)
    region = device.region if device and not conversation else citizen.region_for(request, state, conversation)
    topic, topics, questions = ("", [], []) if shown else _everyday(state, topic, region)
    return page(
        request,
        "chat.html" if device is None else "kiosk.html",
        status,
        bubbles=shown,
        last_seq=messages[-1].seq if messages else 0,
        open=conversation is not None,
        error=error,
        draft=draft,
        message_id=form_id(),
        services=_EIGHT_SERVICES,
        home=citizen.home(device),
        topic=topic,
        topics=topics,
        questions=questions,
        aside=bool(citizen.cookies_aside(request)),
        promise=(minutes(state.policy.broken_after), state.policy.quorum),
        max_chars=state.settings.message_max_chars,
        region=region,
        regions=region_choices(region),
        **_status(state, progress, to or []),
    )


def _everyday(state: State, topic: str, region: str) -> tuple[str, list[str], Sequence[str]]:
    """The topic, all topics there are, and questions to choose from: of that topic, else those that everybody asks."""
    if state.knowledge_base is None:  # nothing could answer them
        return "", [], _EVERYDAY
    with state.database.read() as session:
        topics = categories_with_cards(session, region)
        if topic in topics:
            return topic, topics, titles_in(session, topic, region)[:_OF_A_TOPIC]
    return "", topics, _EVERYDAY


def _pieces(state: State, conversation: Conversation, messages: list[Message]) -> str:
    """Bubbles and the state of things, for the script to put where they belong."""
    with state.database.read() as session:
        shown = bubbles(session, messages)
    return "".join(fragment("_bubble.html", bubble=each) for each in shown) + _status_html(
        state, _progress(state, conversation)
    )


def _news(state: State, conversation: Conversation, after: int) -> tuple[list[tuple[int, str]], Progress | None]:
    with state.database.read() as session:
        messages = conversations.messages_after(session, conversation.id, after)
        shown = bubbles(session, messages)
    return [(each.seq, fragment("_bubble.html", bubble=each)) for each in shown], _progress(state, conversation)


def _status_html(state: State, progress: Progress | None) -> str:
    known = _status(state, progress, [])
    return "".join(fragment(name, **known) for name in ("_status.html", "_address.html", "_closing.html"))


def _status(state: State, progress: Progress | None, chosen: list[UUID]) -> dict[str, object]:
    return {
        "progress": progress,
        "waiting": waiting(progress) if progress else None,
        "address": addressable(progress, chosen),
        "comparable": progress is not None and len(progress.lawyers) > 1,
    }


def _progress(state: State, conversation: Conversation) -> Progress | None:
    with state.database.read() as session:
        consultation = consultations.latest_consultation(session, conversation.id)
        return progress_of(session, consultation) if consultation else None


def messages_of(session: Session, conversation_id: UUID) -> list[Message]:
    """All that was said in a conversation."""
    found: list[Message] = []
    while more := conversations.messages_after(
        session, conversation_id, found[-1].seq if found else 0, _PAGE_OF_MESSAGES
    ):
        found.extend(more)
    return found
