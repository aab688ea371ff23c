"""Other people's servers, as our media meet them: an office's webhook receiver, WeChat's official account platform."""

import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Server:
    """A real HTTP server in a thread of its own. Subclasses say what it answers."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with owner.lock:
                    owner.raw.append(f"{self.path}\n{self.headers}\n{body}")
                status, headers, answer = owner.answer(self.path, dict(self.headers), body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        class Listening(ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # clients that are killed leave broken pipes

        self.raw: list[str] = []
        """Everything that ever came in."""
        self.lock = threading.Lock()
        self.server = Listening(("127.0.0.1", port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, str], Any]:
        raise NotImplementedError

    @contextmanager
    def serving(self) -> "Iterator[None]":
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


class Receiver(Server):
    """An office's receiver: verifies each signature, shows each webhook-id once."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(port, tls)
        self.status = 200
        self.location = ""
        self.open = threading.Event()
        """While it is not set, no request is answered."""
        self.open.set()
        self.received: Counter[str] = Counter()
        """How often each webhook-id came in with a good signature."""
        self.shown: dict[str, Any] = {}
        """What was accepted, by webhook-id."""

    def answer(self, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, str], Any]:
        webhook_id = {name.lower(): value for name, value in headers.items()}["webhook-id"]
        payload = Webhook(SECRET).verify(body, headers)
        with self.lock:
            self.received[webhook_id] += 1
        self.open.wait(60)
        with self.lock:
            if self.status == 200:
                self.shown.setdefault(webhook_id, payload)
        return self.status, {"Location": self.location} if self.location else {}, {}


class WeChatPlatform(Server):
    """https://developers.weixin.qq.com/doc/service/api/ as far as template messages go."""

    APP_ID, APP_SECRET, TEMPLATE = "wx0123456789abcdef", "0123456789abcdef0123456789abcdef", "TEMPLATE-1"

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []
        """Every token ever given; the last one is good."""
        self.expires_in = 7200
        self.tokens_asked_for = 0
        self.trouble = 0
        """An errcode that every message is answered with."""
        self.refuses: dict[str, int] = {}
        """Errcodes by openid."""
        self.sent = 0
        self.shown: dict[tuple[str, str], dict[str, Any]] = {}
        """By openid and client_msg_id: one message for both within ten minutes."""

    def expire(self) -> None:
        """The present token is no good any more, before its time."""
        self.tokens.append("")

    def answer(self, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, str], Any]:
        there, asked = urlsplit(path), json.loads(body)
        with self.lock:
            if there.path == "/cgi-bin/stable_token":
                return 200, {}, self._token(asked)
            assert there.path == "/cgi-bin/message/template/send", path
            return 200, {}, self._send(parse_qs(there.query).get("access_token", [""])[0], asked)

    def _token(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.tokens_asked_for += 1
        if asked["grant_type"] != "client_credential" or asked["appid"] != self.APP_ID:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if asked["secret"] != self.APP_SECRET:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        if not self.tokens or not self.tokens[-1]:
            self.tokens.append(f"token-{len(self.tokens)}")
        return {"access_token": self.tokens[-1], "expires_in": self.expires_in}

    def _send(self, token: str, asked: dict[str, Any]) -> dict[str, Any]:
        if token in self.tokens[:-1]:
            return {"errcode": 42001, "errmsg": "access_token expired rid: 1"}
        if not self.tokens or token != self.tokens[-1]:
            return {"errcode": 40001, "errmsg": "invalid credential, access_token is invalid or not latest"}
        if errcode := self.trouble or self.refuses.get(asked["touser"], 0):
            return {"errcode": errcode, "errmsg": "refused"}
        if asked["template_id"] != self.TEMPLATE:
            return {"errcode": 40037, "errmsg": "invalid template_id"}
        self.sent += 1
        self.shown.setdefault((asked["touser"], asked["client_msg_id"]), asked)
        return {"errcode": 0, "errmsg": "ok", "msgid": self.sent}
