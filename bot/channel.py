"""The one door to Rasa: its REST webhook, with a token asked for and payloads kept apart from text.

Rasa's own REST channel answers anybody on the port, with --auth-token or without.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.core.channels.rest import RestInput
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json

# Rasa obeys these as commands on the conversation; they are no business of a message.
_COMMANDS = frozenset({"restart", "back", "session_start"})
_RASAS_OWN = _COMMANDS | {"nlu_fallback"}


class TokenRestInput(RestInput):
    """POST /webhooks/rest/webhook {sender, message, metadata} with `Authorization: Bearer <token>`; else 401."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    @classmethod
    def name(cls) -> str:
        return "rest"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        token = str((credentials or {}).get("token") or "")
        if not token:
            raise ValueError("credentials.yml: the channel needs a token")
        return cls(token)

    def _extract_message(self, req: Request) -> str | None:
        text = super()._extract_message(req)
        # "/" begins a payload. A command, or a slash before plain text, is text like any other: a full-width slash
        # keeps Rasa from taking it for a payload.
        if text and text.startswith("/"):
            intent = text[1:].partition("{")[0].strip()
            if intent in _COMMANDS or not (intent.isascii() and intent.replace("_", "").isalnum()):
                return "／" + text[1:]
        return text

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[None]]) -> Blueprint:
        blueprint = super().blueprint(on_new_message)

        @blueprint.middleware("request")
        async def ask_for_token(request: Request) -> HTTPResponse | None:
            # As bytes: compare_digest takes no text beyond ASCII.
            given = request.headers.get("Authorization", "").encode()
            if hmac.compare_digest(given, self._expected):
                return None
            return json({"title": "需要令牌", "status": 401}, status=401)

        @blueprint.get("/model")
        async def model(request: Request) -> HTTPResponse:
            """GET /webhooks/rest/model: {model, intents}, for whoever must know whether it fits."""
            agent = request.app.ctx.agent
            intents = sorted(set(agent.domain.intents) - _RASAS_OWN)
            return json({"model": agent.processor.model_filename, "intents": intents})

        return blueprint
