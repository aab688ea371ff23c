"""Carrying messages to a hotline's gateway: signed JSON, one request a segment, in order, each with an id of its own.

    POST <callback>  {id, caller, text, part, parts, kind, order, in_reply_to, created_at}

The gateway answers 2xx when it has taken it; the same id a second time it takes and shows no more.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime

import httpx

from channels.adapter import End, Parcel
from channels.hotline.gateways import keys_of
from channels.hotline.signing import sign
from channels.models import Gateway
from channels.writing import plain, segments
from core.database import Database
from core.security import Vault
from core.settings import Settings
from escalation.media.medium import DeliveryFailed, MediumUnavailable, Rejected
from escalation.models import Message

SEGMENT_CHARS = 500
_BUSY = {408, 425, 429}


class HotlineAdapter:
    channel = "hotline"

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._vault = Vault(settings)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.delivery_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=50),
            follow_redirects=False,
            trust_env=False,
        )

    def pack(self, end: End, messages: Sequence[Message], at: datetime) -> Parcel | datetime | None:
        """The oldest message: one that the gateway would not have holds up no other for longer than it must."""
        message = messages[0]
        texts = segments(plain(message), SEGMENT_CHARS)
        pieces = [
            {
                "id": f"{message.id}-{part}",
                "caller": end.address,
                "text": text,
                "part": part,
                "parts": len(texts),
                "kind": message.kind,
                "order": end.number or None,
                "in_reply_to": str(message.in_reply_to) if message.in_reply_to else None,
                "created_at": message.created_at.isoformat(),
            }
            for part, text in enumerate(texts, 1)
        ]
        return Parcel(end, [message], pieces)

    def circuit(self, parcel: Parcel) -> str:
        return f"hotline {parcel.end.account}"

    async def send(self, parcel: Parcel) -> None:
        url, key, secret = await asyncio.to_thread(self._route, parcel.end.account)
        for piece in parcel.pieces:
            body = json.dumps(piece, ensure_ascii=False).encode()
            headers = {"Content-Type": "application/json; charset=utf-8", **sign(key, secret, body)}
            try:
                response = await self._client.post(url, content=body, headers=headers)
            except httpx.TimeoutException as error:
                raise DeliveryFailed("网关没有及时回应") from error
            except httpx.HTTPError as error:
                raise DeliveryFailed(f"连不上网关：{error}"[:200]) from error
            if 400 <= response.status_code < 500 and response.status_code not in _BUSY:
                raise Rejected(f"网关拒收（{response.status_code}）")
            if not response.is_success:
                raise DeliveryFailed(f"网关出错（{response.status_code}）")

    async def close(self) -> None:
        await self._client.aclose()

    def _route(self, name: str) -> tuple[str, str, str]:
        """Where to, and with which key: looked up at each sending, so that a change holds at once.

        The oldest that is good: a newer one the gateway may not have yet.
        """
        with self._database.read() as session:
            gateway, keys = session.get(Gateway, name), keys_of(session, name)
        if gateway is None or not gateway.active or not keys:
            raise MediumUnavailable(f"网关 {name} 已停用，或没有密钥")
        return gateway.callback_url, keys[-1].id, self._vault.decrypt(keys[-1].secret_encrypted)
