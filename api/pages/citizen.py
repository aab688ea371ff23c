"""Who the citizen is, to a page: whoever holds the cookie that opens a conversation. No account, no name."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.state import State, StateDep
from channels import devices
from channels.models import Device
from channels.posts import find_post
from core.live import PREFIX
from core.regions import UnknownRegion, get_region
from escalation import conversations
from escalation.errors import NotFound
from escalation.models import Conversation

CHAT_COOKIE = "wenfa_chat"
ASIDE_COOKIE = "wenfa_aside"
"""The conversations that this browser has opened besides: a grandparent's, taken over with a code, takes none of one's own away."""
REGION_COOKIE = "wenfa_region"
POST_COOKIE = "wenfa_post"
DEVICE_COOKIE = "wenfa_device"
KEPT_SECONDS = 90 * 24 * 3600
AT_A_DEVICE_SECONDS = 120
"""How long a device's browser keeps a conversation that nobody touches, should the page itself fail to forget it."""

_TWICE_WITHIN_SECONDS = 120
_ASIDE = 5
_BETWEEN = "~"


def own_chat(request: Request, state: StateDep) -> Conversation | None:
    """The conversation that the cookie opens; None for a newcomer, and for a cookie that opens nothing any more."""
    return open_chat(state, request.cookies.get(CHAT_COOKIE, ""))


def from_this_site(request: Request, state: StateDep) -> None:
    """403 for a form that another site made the browser send.

    The cookie's SameSite=Lax already keeps other sites' forms from carrying it; this holds where a browser ignores that.
    Browsers send Sec-Fetch-Site only over HTTPS and to this machine, so Origin must do on a plain local network.
    """
    where = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if where is not None:
        ours = where in ("same-origin", "none")
    elif origin is not None:
        ours = urlsplit(origin).netloc in (request.headers.get("Host", ""), urlsplit(state.settings.site_url).netloc)
    else:
        ours = True
    if not ours:
        raise HTTPException(403, "这个请求不是从本网站的页面发出的，没有执行")


def begun_chat(chat: Annotated[Conversation | None, Depends(own_chat)]) -> Conversation:
    """The conversation that the cookie opens. 404 before there is one."""
    if chat is None:
        raise HTTPException(404, "还没有会话")
    return chat


BegunChat = Annotated[Conversation, Depends(begun_chat)]
OwnChat = Annotated[Conversation | None, Depends(own_chat)]
FromThisSite = Depends(from_this_site)


def open_chat(state: State, cookie: str) -> Conversation | None:
    """The conversation behind "<id>.<token>"; None when it opens nothing."""
    written, _, token = cookie.partition(".")
    try:
        conversation_id = UUID(written)
        with state.database.read() as session:
            return conversations.open_with_token(session, conversation_id, token)
    except (ValueError, NotFound):
        return None


def begin_chat(
    state: State, device: Device | None, region: str, post: str, first_message_id: str
) -> tuple[Conversation, str]:
    """A new conversation and its cookie.

    A first message sent twice at once, before the browser had its cookie, must not become two conversations with the
    same question in both: the message's unguessable id remembers for two minutes which conversation it began.
    """
    key = f"{PREFIX}begun:{first_message_id}"
    with state.database.write() as session:
        if device is not None:
            conversation, token = devices.start_session(session, device)
        else:
            known_post = find_post(session, post) if post else None
            conversation, token = conversations.start_conversation(
                session, "web", region, known_post.code if known_post else None
            )
    cookie = f"{conversation.id}.{token}"
    try:
        before = state.redis.set(key, cookie, ex=_TWICE_WITHIN_SECONDS, nx=True, get=True)
    except RedisError:
        before = None
    known = open_chat(state, before) if isinstance(before, str) else None
    return (known, str(before)) if known is not None else (conversation, cookie)


def keep_chat(request: Request, state: State, response: Response, cookie: str) -> None:
    """Let the browser keep the conversation, out of every script's reach: a person's own for long, a device's hardly.

    What a person's browser had open before stays at hand; a device keeps one conversation and no other.
    """
    if request.cookies.get(DEVICE_COOKIE):
        _set(state, response, CHAT_COOKIE, cookie, AT_A_DEVICE_SECONDS)
        return
    _set(state, response, CHAT_COOKIE, cookie, KEPT_SECONDS)
    before = request.cookies.get(CHAT_COOKIE, "")
    if before and _id_in(before) != _id_in(cookie):
        others = [each for each in cookies_aside(request) if _id_in(each) not in (_id_in(before), _id_in(cookie))]
        _set(state, response, ASIDE_COOKIE, _BETWEEN.join([before, *others][:_ASIDE]), KEPT_SECONDS)


def cookies_aside(request: Request) -> list[str]:
    """What opens the browser's other conversations, the last used first."""
    return [each for each in request.cookies.get(ASIDE_COOKIE, "").split(_BETWEEN) if each]


def kept_chats(request: Request, state: State) -> list[tuple[Conversation, str]]:
    """Every conversation that this browser can open, with what opens it: the one on its page first."""
    cookies = [request.cookies.get(CHAT_COOKIE, ""), *cookies_aside(request)]
    opened = [(open_chat(state, each), each) for each in cookies]
    return [(chat, cookie) for chat, cookie in opened if chat is not None]


def let_go(request: Request, state: State, response: Response, conversation_id: UUID) -> None:
    """This browser opens the conversation no longer; another that it has aside comes in its place."""
    rest = [cookie for chat, cookie in kept_chats(request, state) if chat.id != conversation_id]
    if rest:
        _set(state, response, CHAT_COOKIE, rest[0], KEPT_SECONDS)
    else:
        response.delete_cookie(CHAT_COOKIE)
    if rest[1:]:
        _set(state, response, ASIDE_COOKIE, _BETWEEN.join(rest[1:]), KEPT_SECONDS)
    else:
        response.delete_cookie(ASIDE_COOKIE)


def _set(state: State, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, seconds, httponly=True, samesite="lax", secure=state.settings.cookie_secure)


def _id_in(cookie: str) -> str:
    return cookie.partition(".")[0]


def own_device(request: Request, state: StateDep) -> Device | None:
    """The device whose browser this is; None on people's own phones, and on a device that was retired."""
    written, _, token = request.cookies.get(DEVICE_COOKIE, "").partition(".")
    if not token:
        return None
    return open_device(state, written, token)


def open_device(state: State, device_id: str, token: str) -> Device | None:
    try:
        known = UUID(device_id)
    except ValueError:
        return None
    with state.database.read() as session:
        return devices.open_device(session, known, token)


OwnDevice = Annotated[Device | None, Depends(own_device)]


def home(device: Device | None) -> str:
    """Where asking goes on."""
    return "/" if device is None else "/kiosk"


def region_for(request: Request, state: State, conversation: Conversation | None) -> str:
    """The conversation's region, else the one chosen before it began, else the installation's."""
    if conversation is not None:
        return conversation.region
    chosen = request.cookies.get(REGION_COOKIE, "")
    return chosen if is_region(chosen) else state.settings.default_region


def is_region(code: str) -> bool:
    try:
        get_region(code)
    except UnknownRegion:
        return False
    return True
