"""/v1/channels/kiosk: for programs on devices (robots, terminals with software of their own); `/kiosk` is for browsers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.limits import trying_a_code
from api.pages.citizen import open_device
from api.state import State, StateDep
from channels.devices import enrol_device, start_session
from channels.models import Device

router = APIRouter(prefix="/v1/channels/kiosk", tags=["渠道"])

IDLE_SECONDS = 60


class EnrolDevice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=40, description="wenfa kiosk add 显示的登记码")


class DeviceEnrolled(BaseModel):
    device_id: UUID
    name: str
    region: str
    post: str | None
    token: str = Field(description="以后的请求用 Authorization: Bearer <device_id>.<token>；只给这一次")


class SessionStarted(BaseModel):
    conversation_id: UUID
    token: str
    idle_seconds: int = Field(description="这么久没有人碰，就要忘掉会话和凭证")


def _device(
    state: StateDep,
    credentials: Annotated[
        HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, description="<device_id>.<token>"))
    ],
) -> Device:
    """The device that asks. 401 for one that is not enrolled, or was retired."""
    device_id, _, token = credentials.credentials.partition(".") if credentials else ("", "", "")
    device = open_device(state, device_id, token)
    if device is None:
        raise HTTPException(401, "终端没有登记，或已停用", headers={"WWW-Authenticate": "Bearer"})
    return device


@router.post("/devices", status_code=201, summary="用登记码登记终端")
async def enrol(body: EnrolDevice, request: Request, state: StateDep) -> DeviceEnrolled:
    async with trying_a_code(request, state):
        return await run_in_threadpool(_enrolled, state, body.code)


@router.post("/sessions", status_code=201, summary="有人来问：开始一个会话")
def start(device: Annotated[Device, Depends(_device)], state: StateDep) -> SessionStarted:
    """Messages then go over /v1/conversations with the session's token."""
    with state.database.write() as session:
        conversation, token = start_session(session, device)
        return SessionStarted(conversation_id=conversation.id, token=token, idle_seconds=IDLE_SECONDS)


def _enrolled(state: State, code: str) -> DeviceEnrolled:
    with state.database.write() as session:
        device, token = enrol_device(session, code, state.services.vault)
        return DeviceEnrolled(
            device_id=device.id, name=device.name, region=device.region, post=device.post, token=token
        )
