"""Other people's servers as our channels meet them: a hotline's gateway, WeChat's platform towards citizens."""

import hashlib
import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from receivers import Server, WeChatPlatform
from starlette.testclient import TestClient
from wechatpy.crypto import WeChatCrypto

from channels.hotline.signing import Signed, sign

Client = TestClient | httpx.Client


class HotlineGateway(Server):
    """A 12348 text gateway: signs what its callers write, takes signed callbacks, shows each segment once."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, str] = {}
        self.status = 200
        self.line: Callable[[], str] = lambda: "good"
        """What becomes of a request: good, lost, or answer lost."""
        self.shown: dict[str, dict[str, Any]] = {}
        """Segments by id, in the order in which they came first."""
        self.taken = 0
        self.answered: set[str] = set()
        """Messages whose answer has begun to come."""

    def answer(self, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, str], Any]:
        signed = Signed.of(headers)
        signed.check(self.keys[signed.key], body.encode(), time.time())
        with self.lock:
            fate = self.line()
            if fate == "lost":
                return 503, {}, {}
            if self.status == 200:
                self.taken += 1
                piece = json.loads(body)
                self.shown.setdefault(piece["id"], piece)
                self.answered.add(piece["in_reply_to"])
        return 504 if fate == "answer lost" else self.status, {}, {}

    def told(self, caller: str) -> list[str]:
        """What a caller has been shown, in order."""
        with self.lock:
            return [each["text"] for each in self.shown.values() if each["caller"] == caller]

    def post(self, client: Client, caller: str, text: str, message_id: str = "", **changes: Any) -> Any:
        """A caller's message, over to the service; `changes` spoil the request."""
        message = {"message_id": message_id or secrets.token_hex(8), "caller": caller, "text": text}
        body = changes.pop("body", json.dumps({**message, **changes.pop("extra", {})}, ensure_ascii=False).encode())
        key, secret = list(self.keys.items())[-1]
        headers = {**sign(key, secret, body), "Content-Type": "application/json", **changes.pop("headers", {})}
        assert not changes
        return client.post("/v1/channels/hotline/messages", content=body, headers=headers)


class WeChat(WeChatPlatform):
    """The platform on the citizens' side: signs and encrypts what it posts, and grants five messages to each of theirs."""

    TOKEN, AES_KEY, ACCOUNT = "wechat-token", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "gh_0123456789ab"

    def __init__(self, *, safe: bool) -> None:
        super().__init__()
        self.safe = safe
        self.granted: dict[str, int] = defaultdict(int)
        self.used: list[int] = []
        """The quota log: of each message of a citizen, how many customer-service messages followed before the next."""
        self.refused: list[tuple[str, int]] = []
        self.texts: dict[str, list[str]] = defaultdict(list)
        """Customer-service messages by openid."""
        self.menus: list[dict[str, Any]] = []

    def answer(self, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, str], Any]:
        there = urlsplit(path)
        if there.path not in ("/cgi-bin/message/custom/send", "/cgi-bin/menu/create"):
            return super().answer(path, headers, body)
        token = parse_qs(there.query).get("access_token", [""])[0]
        asked = json.loads(body)
        with self.lock:
            if not self.tokens or token != self.tokens[-1]:
                return 200, {}, {"errcode": 42001, "errmsg": "access_token expired"}
            if there.path == "/cgi-bin/menu/create":
                self.menus.append(asked)
                return 200, {}, {"errcode": 0, "errmsg": "ok"}
            return 200, {}, self._customer_message(asked)

    def _customer_message(self, asked: dict[str, Any]) -> dict[str, Any]:
        openid, content = asked["touser"], asked["text"]["content"]
        if self.trouble:
            return {"errcode": self.trouble, "errmsg": "trouble"}
        if len(content.encode()) > 2048:
            return {"errcode": 45002, "errmsg": "content size out of limit"}
        if self.granted[openid] <= 0:
            self.refused.append((openid, 45047))
            return {"errcode": 45047, "errmsg": "out of response count limit"}
        self.granted[openid] -= 1
        self.texts[openid].append(content)
        return {"errcode": 0, "errmsg": "ok"}

    def query(self) -> dict[str, str]:
        timestamp, nonce = str(int(time.time())), secrets.token_hex(5)
        signature = hashlib.sha1("".join(sorted((self.TOKEN, timestamp, nonce))).encode()).hexdigest()
        return {"signature": signature, "timestamp": timestamp, "nonce": nonce}

    def post(self, client: Client, openid: str, inner: str, message_id: int = 0, created: int = 0) -> str:
        """A message or an event of `openid`, with what is `inner` to it; gives the text of the passive reply, or nothing."""
        with self.lock:
            if openid in self.granted:
                self.used.append(5 - self.granted[openid])
            self.granted[openid] = 5
        known = f"<MsgId>{message_id}</MsgId>" if message_id else ""
        xml = (
            f"<xml><ToUserName><![CDATA[{self.ACCOUNT}]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>"
            f"<CreateTime>{created or int(time.time())}</CreateTime>{inner}{known}</xml>"
        )
        query = self.query()
        if self.safe:
            crypto = WeChatCrypto(self.TOKEN, self.AES_KEY, self.APP_ID)
            xml = crypto.encrypt_message(xml, query["nonce"], query["timestamp"])
            query |= {"encrypt_type": "aes", "msg_signature": _between(xml, "MsgSignature")}
        found = client.post("/v1/channels/wechat", params=query, content=xml.encode())
        assert found.status_code == 200, found.text
        if not found.text:
            return ""
        reply = found.text
        if self.safe:
            crypto = WeChatCrypto(self.TOKEN, self.AES_KEY, self.APP_ID)
            opened = crypto.decrypt_message(
                reply, _between(reply, "MsgSignature"), _between(reply, "TimeStamp"), _between(reply, "Nonce")
            )
            reply = opened.decode() if isinstance(opened, bytes) else opened
        assert _between(reply, "ToUserName") == openid
        return _between(reply, "Content")

    def says(self, client: Client, openid: str, text: str, message_id: int) -> str:
        inner = f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
        return self.post(client, openid, inner, message_id)

    def event(self, client: Client, openid: str, event: str, key: str = "", created: int = 0) -> str:
        inner = f"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{event}]]></Event><EventKey><![CDATA[{key}]]></EventKey>"
        return self.post(client, openid, inner, created=created)


def _between(xml: str, tag: str) -> str:
    value = xml.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    return value.removeprefix("<![CDATA[").removesuffix("]]>")
