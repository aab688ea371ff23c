"""Rasa, seen from the api: asked with a deadline, left alone for a while when it fails.

There may be several Rasa processes. A conversation keeps to one of them while that one answers (rendezvous hashing), so
that its tracker is read and written in one place also without Redis.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

import httpx
from pydantic import TypeAdapter, ValidationError

from bot.actions.handlers import INTENTS
from core.clock import now
from core.log import get_logger
from core.security import derive_token
from core.settings import Settings
from escalation.replies import Reply

_REST_SECONDS = 5.0
_LOOK_AT_MODELS_SECONDS = 15.0
_REPLIES = TypeAdapter(list[Reply])

log = get_logger("nlu")


class RasaUnavailable(Exception):
    """Rasa did not answer in time, or not as it should: answer without it."""


@dataclass
class _Server:
    """One Rasa process."""

    url: str
    rest_until: float = 0.0
    down: bool = False
    model: str | None = None

    @property
    def resting(self) -> bool:
        return time.monotonic() < self.rest_until

    def failed(self, why: str) -> None:
        self.rest_until = time.monotonic() + _REST_SECONDS
        if not self.down:
            self.down = True
            log.warning("Rasa 不可用，暂时不经它直接回答", url=self.url, error=why)

    def answered(self) -> None:
        if self.down:
            self.down = False
            log.info("Rasa 已恢复", url=self.url)


class Rasa:
    """The sidecar's REST channel. Replies come back from our own custom action."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._servers = [_Server(url) for url in settings.nlu_urls]
        self._headers = {"Authorization": f"Bearer {derive_token(settings, 'rasa')}"}
        self._timeout = settings.rasa_timeout_s
        self._http = http

    async def replies(self, conversation_id: UUID, message_id: UUID, said: str) -> list[Reply]:
        """What Rasa's action says to the message. Raises RasaUnavailable, at once while all of Rasa rests after failures."""
        ends = time.monotonic() + self._timeout
        body = {
            "sender": str(conversation_id),
            "message": said,
            "metadata": {
                "message_id": str(message_id),
                "deadline": (now() + timedelta(seconds=self._timeout)).isoformat(),
            },
        }
        for server in self._in_order(conversation_id):
            # A server that gives way to one with a newer model closes the connections it held: its successor listens
            # at the same address already. To be asked twice changes nothing, the action goes by the message's id.
            for again in (False, True):
                try:
                    return await self._ask(server, body, ends - time.monotonic())
                except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                    if again:
                        server.failed(repr(error))
        raise RasaUnavailable("nobody answers")

    async def follow_models(self) -> None:
        """Forever: see which model each server has, and say so when it does not fit this software."""
        while True:
            for server in self._servers:
                try:
                    response = await self._http.get(
                        f"{server.url}/webhooks/rest/model", headers=self._headers, timeout=self._timeout
                    )
                    found = response.raise_for_status().json()
                    if found["model"] != server.model:
                        server.model = found["model"]
                        _compare(server, set(found["intents"]))
                except (httpx.HTTPError, ValueError, KeyError, TypeError):
                    continue  # not there: that is for the next message to find out and to say
            await asyncio.sleep(_LOOK_AT_MODELS_SECONDS)

    def _in_order(self, conversation_id: UUID) -> list[_Server]:
        """Who may be asked, the conversation's own server first."""
        awake = [server for server in self._servers if not server.resting]
        return sorted(awake, key=lambda server: blake2b(conversation_id.bytes + server.url.encode()).digest())

    async def _ask(self, server: _Server, body: Mapping[str, Any], seconds: float) -> list[Reply]:
        url = f"{server.url}/webhooks/rest/webhook"
        try:
            response = await self._http.post(url, json=body, headers=self._headers, timeout=max(0.01, seconds))
            response.raise_for_status()
            replies = _REPLIES.validate_python([each["custom"] for each in response.json()])
            if not replies:
                raise ValueError("no reply")
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            raise
        except (httpx.HTTPError, ValidationError, ValueError, KeyError, TypeError) as error:
            server.failed(repr(error))
            raise RasaUnavailable(repr(error)) from error
        server.answered()
        return replies


def _compare(server: _Server, intents: set[str]) -> None:
    """What a model of another version knows is handled where we know it too; the rest is told to whoever looks after us."""
    missing, unknown = INTENTS - intents, intents - INTENTS
    if missing or unknown:
        log.error(
            "Rasa 的模型与本软件不是同一版本，请重新训练（wenfa prepare）",
            url=server.url,
            model=server.model,
            missing=sorted(missing),
            unknown=sorted(unknown),
        )
    else:
        log.info("Rasa 的模型", url=server.url, model=server.model)
