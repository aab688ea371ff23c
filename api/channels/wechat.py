"""/v1/channels/wechat: where WeChat's platform posts what citizens write.

It waits five seconds for an answer and then asks again. What is ready in four goes back at once; the rest goes later, as a
customer-service message.
"""

import asyncio
from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from api.channels.door import receive
from api.conversations.endpoints import message_service
from api.state import State, StateDep
from channels.callers import find_caller
from channels.outgoing import carry_back
from channels.wechat.adapter import as_text
from channels.wechat.incoming import Incoming, Malformed, NotFromWeChat, check, read, write
from escalation.errors import Refused
from escalation.models import Message

router = APIRouter(prefix="/v1/channels/wechat", tags=["渠道"])

_ANSWER_WITHIN_SECONDS = 4.0
_HOLD = timedelta(seconds=6)


@router.get("", summary="微信验证服务器地址")
def echo(request: Request, state: StateDep) -> Response:
    _check(request, state)
    return PlainTextResponse(request.query_params.get("echostr", ""))


@router.post("", summary="微信送来消息和事件")
async def message(request: Request, state: StateDep) -> Response:
    _check(request, state)
    query = request.query_params
    try:
        incoming = read(state.settings, query, await request.body())
    except NotFromWeChat as error:
        raise HTTPException(403, "签名不对，不是微信平台发来的") from error
    except Malformed as error:
        raise HTTPException(400, "不是微信的消息格式") from error
    text = await _answer(request, state, incoming)
    return Response(write(state.settings, query, incoming, text), media_type="application/xml")


def _check(request: Request, state: State) -> None:
    if not state.settings.wechat_token:
        raise HTTPException(404, "没有设置微信公众号（WENFA_WECHAT_TOKEN）")
    try:
        check(state.settings, request.query_params)
    except NotFromWeChat as error:
        raise HTTPException(403, "签名不对，不是微信平台发来的") from error


async def _answer(request: Request, state: State, incoming: Incoming) -> str:
    if incoming.left:
        await run_in_threadpool(_gone, state, incoming)
    if not incoming.text:
        return incoming.answer
    messages = message_service(request)
    try:
        stored, _fresh = await receive(
            state, messages, "wechat", incoming.account, incoming.openid, incoming.text, incoming.id,
            scene=incoming.scene, hold=_HOLD,
        )  # fmt: skip
    except Refused as refused:
        return refused.message
    try:
        await asyncio.wait_for(asyncio.shield(messages.begin(stored)), _ANSWER_WITHIN_SECONDS)
    except TimeoutError:
        return ""
    return await run_in_threadpool(_carried, state, stored)


def _carried(state: State, stored: Message) -> str:
    with state.database.write() as session:
        found = carry_back(session, stored.conversation_id, stored.id)
    return as_text(found, stored.conversation_id.hex, state.settings) if found else ""


def _gone(state: State, incoming: Incoming) -> None:
    with state.database.write() as session:
        caller = find_caller(session, "wechat", incoming.account, incoming.openid, state.services.vault)
        if caller is not None:
            caller.reachable = False
