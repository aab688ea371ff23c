"""/v1/channels/hotline: what a 12348 gateway posts. Stored before it is acknowledged; answers go by callback."""

import time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.channels.door import receive
from api.conversations.endpoints import message_service
from api.state import State, StateDep
from channels.hotline.gateways import Signer, gateway_with_key, key_used
from channels.hotline.signing import SKEW_SECONDS, BadSignature, Signed
from channels.models import Gateway
from core.live import PREFIX

router = APIRouter(prefix="/v1/channels/hotline", tags=["渠道"])


class HotlineMessage(BaseModel):
    """What a caller has written."""

    model_config = ConfigDict(extra="forbid")

    message_id: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="网关给这条消息的编号；重发时不变"
    )
    caller: Annotated[str, StringConstraints(pattern=r"^\+?\d[\d-]{3,19}$")] = Field(description="来电或短信的号码")
    text: str
    region: Annotated[str, StringConstraints(pattern=r"^(\d{6})?$")] = Field(
        "", description="GB/T 2260 六位代码；不填为网关所在地区"
    )


class HotlineReceived(BaseModel):
    message_id: UUID
    duplicate: bool = Field(description="这条消息以前收到过，没有再处理")


@router.post("/messages", status_code=202, summary="热线网关送来一条消息（签名见 docs/CHANNELS.md）")
async def message(request: Request, state: StateDep) -> HotlineReceived:
    body = await request.body()
    gateway = await _signed(request, state, body)
    try:
        said = HotlineMessage.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    messages = message_service(request)
    stored, fresh = await receive(
        state, messages, "hotline", gateway.name, said.caller, said.text, said.message_id,
        region=said.region or gateway.region,
    )  # fmt: skip
    messages.begin(stored)
    return HotlineReceived(message_id=stored.id, duplicate=not fresh)


async def _signed(request: Request, state: State, body: bytes) -> Gateway:
    """The gateway that signed the request. 401 for nobody of ours, 409 for a request that has been here before."""
    try:
        signed = Signed.of(request.headers)
        signer = await run_in_threadpool(_signer, state, signed.key)
        if signer is None:
            raise BadSignature("没有这把密钥，或它已经停用")
        signed.check(signer.secret, body, time.time())
    except BadSignature as error:
        raise HTTPException(401, str(error)) from error
    gateway = signer.gateway
    if not signer.noted:
        await run_in_threadpool(_note, state, signed.key)
    try:
        # A message is known again by its id, whatever becomes of this. It keeps what somebody overheard from being sent again.
        name = f"{PREFIX}nonce:{gateway.name}:{signed.nonce}"
        fresh = await state.redis_async.set(name, "", ex=2 * SKEW_SECONDS, nx=True)
    except (RedisError, OSError):
        fresh = True
    if not fresh:
        raise HTTPException(409, "这个请求已经收到过（nonce 用过了），重发请换一个 nonce")
    return gateway


def _signer(state: State, key: str) -> Signer | None:
    with state.database.read() as session:
        return gateway_with_key(session, key, state.services.vault)


def _note(state: State, key: str) -> None:
    with state.database.write() as session:
        key_used(session, key)
