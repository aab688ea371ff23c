"""What the platform posts: checked, opened where it is encrypted, and said in our words. By wechatpy.

https://developers.weixin.qq.com/doc/service/guide/product/message/
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers.expat import ExpatError

from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import check_signature

from core.settings import Settings

SKEW_SECONDS = 900
_UNSUPPORTED = "现在只能看懂文字和语音。请把您的问题写下来，或按住说话。"
_UNHEARD = "没有听清。请再说一遍，或把问题写下来。"


class NotFromWeChat(Exception):
    """The signature is missing or wrong."""


class Malformed(Exception):
    """Signed, and yet no message."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message or event."""

    openid: str
    account: str
    id: str
    """What it is known by when the platform sends it again."""
    text: str = ""
    """What the citizen says: words, or the payload of a menu's button. Empty where they say nothing."""
    scene: str = ""
    """What stands in the QR code that they came by."""
    left: bool = False
    """They follow the account no longer."""
    answer: str = ""
    """What is answered at once, where there is nothing to think about."""


def check(settings: Settings, query: Mapping[str, str]) -> None:
    """Raises NotFromWeChat."""
    timestamp = query.get("timestamp", "")
    try:
        check_signature(settings.wechat_token, query.get("signature", ""), timestamp, query.get("nonce", ""))
    except InvalidSignatureException as error:
        raise NotFromWeChat from error
    if not timestamp.isascii() or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > SKEW_SECONDS:
        raise NotFromWeChat


def read(settings: Settings, query: Mapping[str, str], body: bytes) -> Incoming:
    """The message in a request whose signature has been checked. Raises NotFromWeChat, Malformed."""
    try:
        xml = _opened(settings, query, body)
        message = parse_message(xml)
        return _said(message)
    except (ExpatError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed from error


def write(settings: Settings, query: Mapping[str, str], incoming: Incoming, text: str) -> str:
    """The answer to a request: a text, or nothing; encrypted where the request was."""
    reply = create_reply(text, render=False) if text else None
    if reply is None:
        return ""
    reply.source, reply.target = incoming.account, incoming.openid
    xml = str(reply.render())
    if _encrypted(query):
        return str(_crypto(settings).encrypt_message(xml, query.get("nonce", ""), query.get("timestamp", "")))
    return xml


def _opened(settings: Settings, query: Mapping[str, str], body: bytes) -> str:
    if not _encrypted(query):
        if settings.wechat_aes_key:
            raise NotFromWeChat  # the account is set to encrypt: what comes in clear is not from there
        return body.decode()
    try:
        opened = _crypto(settings).decrypt_message(
            body.decode(), query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", "")
        )
    except (InvalidSignatureException, InvalidAppIdException) as error:
        raise NotFromWeChat from error
    return opened.decode() if isinstance(opened, bytes) else str(opened)


def _encrypted(query: Mapping[str, str]) -> bool:
    return query.get("encrypt_type") == "aes"


def _crypto(settings: Settings) -> WeChatCrypto:
    if not settings.wechat_aes_key:
        raise NotFromWeChat
    return WeChatCrypto(settings.wechat_token, settings.wechat_aes_key, settings.wechat_app_id)


def _said(message: object) -> Incoming:
    kind, openid, account = (str(getattr(message, name)) for name in ("type", "source", "target"))
    if not openid or not account or openid == "None":
        raise ValueError("nobody")
    if kind != "event":
        known = f"wx:{message.id}"  # type: ignore[attr-defined]
        words = ""
        if kind == "text":
            words = str(message.content or "")  # type: ignore[attr-defined]
        elif kind == "voice":
            words = str(getattr(message, "recognition", "") or "")
        answer = "" if words else _UNHEARD if kind == "voice" else _UNSUPPORTED
        return Incoming(openid, account, known, text=words, answer=answer)
    event = str(message.event)  # type: ignore[attr-defined]
    known = f"wx:{event}:{int(message.create_time.timestamp())}"  # type: ignore[attr-defined]
    match event:
        case "subscribe":
            return Incoming(openid, account, known, text="/greet")
        case "subscribe_scan" | "scan":
            scene = str(message.scene_id or "").removeprefix("qrscene_")  # type: ignore[attr-defined]
            return Incoming(openid, account, known, text="/greet", scene=scene)
        case "click":
            return Incoming(openid, account, known, text=str(message.key or ""))  # type: ignore[attr-defined]
        case "unsubscribe":
            return Incoming(openid, account, known, left=True)
    return Incoming(openid, account, known)
