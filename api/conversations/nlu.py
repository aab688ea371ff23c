"""Rasa, seen from the api: asked with a deadline, left alone for a while when it fails."""

import time
from datetime import timedelta
from uuid import UUID

import httpx
from pydantic import TypeAdapter, ValidationError

from core.clock import now
from core.log import get_logger
from core.security import derive_token
from core.settings import Settings
from escalation.replies import Reply

_REST_SECONDS = 5.0
_REPLIES = TypeAdapter(list[Reply])

log = get_logger("nlu")


class RasaUnavailable(Exception):
    """Rasa did not answer in time, or not as it should: answer without it."""


class Rasa:
    """The sidecar's REST channel. Replies come back from our own custom action."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._url = f"{settings.nlu_url}/webhooks/rest/webhook"
        self._headers = {"Authorization": f"Bearer {derive_token(settings, 'rasa')}"}
        self._timeout = settings.rasa_timeout_s
        self._http = http
        self._rest_until = 0.0
        self._down = False

    async def replies(self, conversation_id: UUID, message_id: UUID, said: str) -> list[Reply]:
        """What Rasa's action says to the message. Raises RasaUnavailable, at once while Rasa rests after a failure."""
        if time.monotonic() < self._rest_until:
            raise RasaUnavailable("resting")
        deadline = now() + timedelta(seconds=self._timeout)
        body = {
            "sender": str(conversation_id),
            "message": said,
            "metadata": {"message_id": str(message_id), "deadline": deadline.isoformat()},
        }
        try:
            response = await self._http.post(self._url, json=body, headers=self._headers, timeout=self._timeout)
            response.raise_for_status()
            replies = _REPLIES.validate_python([each["custom"] for each in response.json()])
        except (httpx.HTTPError, ValidationError, ValueError, KeyError, TypeError) as error:
            raise self._failed(repr(error)) from error
        if not replies:
            raise self._failed("no reply")
        if self._down:
            self._down = False
            log.info("Rasa 已恢复")
        return replies

    def _failed(self, why: str) -> RasaUnavailable:
        self._rest_until = time.monotonic() + _REST_SECONDS
        if not self._down:
            self._down = True
            log.warning("Rasa 不可用，暂时不经它直接回答", error=why)
        return RasaUnavailable(why)
