"""Files from an administrator's machine. Nothing of them is read before it is known who sends them, and no more than the bound;
a register that was checked is kept for a while, so that importing it afterwards needs no second choosing."""

import base64
import math
import zlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from api.auth.dependencies import LoggedIn, who_is_it
from api.pages.admin import administering
from api.pages.staff import NotLoggedIn
from api.state import State, StateDep
from core.ids import new_token
from core.live import PREFIX
from core.security import same
from escalation.errors import Refused

MEGABYTE = 2**20
UPLOAD_MAX_BYTES = 8 * MEGABYTE
"""A register of 16,000 lawyers is under 3 MB."""
DRAINED_MAX_BYTES = 256 * MEGABYTE
"""The bound of these routes as the server sees it. What lies between the two is thrown away as it comes: a browser hears an
answer only when it has sent its files."""

_KEPT_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Upload:
    """What was sent: a file, or the key of one that was checked before."""

    who: LoggedIn
    content: bytes = b""
    name: str = ""
    kept: str = ""
    do: str = "check"
    error: str = ""
    """Why there is no content, in a sentence."""


async def administrators_form(
    request: Request, state: State, most_bytes: int, most_files: int
) -> tuple[LoggedIn, FormData | int]:
    """Who sends a form, and the form; in its place how many megabytes it has (rounded up), where that is more than may be.

    Raises NotLoggedIn; 403 for others than administrators, and without the form's token.
    """
    who = await run_in_threadpool(who_is_it, request, state)
    if who is None:
        raise NotLoggedIn
    administering(who)
    length = int(request.headers.get("content-length", "0"))
    if length > most_bytes:
        async for _ in request.stream():
            pass
        return who, math.ceil(length / MEGABYTE)
    if not length:
        raise HTTPException(411, "请求没有写明内容有多长")
    form = await request.form(max_files=most_files, max_fields=8, max_part_size=65536)
    if not same(str(form.get("csrf_token", "")), who.csrf_token):
        raise HTTPException(403, "这一页是上一次登录时打开的，请刷新后重试")
    return who, form


async def uploaded(request: Request, state: StateDep) -> Upload:
    """Raises as `administrators_form`."""
    who, form = await administrators_form(request, state, UPLOAD_MAX_BYTES, 1)
    if isinstance(form, int):
        most = UPLOAD_MAX_BYTES // MEGABYTE
        return Upload(who, error=f"这个文件有 {form} MB，最多 {most} MB。请分成几个文件，一个一个导入。")
    do = "import" if form.get("do") == "import" else "check"
    if key := str(form.get("kept", "")):
        kept = await run_in_threadpool(_kept, state, who, key)
        if kept is None:
            return Upload(who, do=do, error="检查过的文件只留半小时，已经不在了。请再选一次文件。")
        return Upload(who, kept[1], kept[0], key, do)
    file = form.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not isinstance(file, UploadFile) or not content:
        return Upload(who, do=do, error="请选择一个 CSV 文件。空的文件不能导入。")
    name = (file.filename or "")[:100]
    return Upload(who, content, name, await run_in_threadpool(_keep, state, who, name, content), do)


Uploaded = Annotated[Upload, Depends(uploaded)]


def kept_content(state: State, who: LoggedIn, key: str) -> bytes:
    """A file that was sent before. Raises Refused when it is no longer there."""
    kept = _kept(state, who, key)
    if kept is None:
        raise Refused("检查过的文件只留半小时，已经不在了。请再选一次文件。")
    return kept[1]


def _keep(state: State, who: LoggedIn, name: str, content: bytes) -> str:
    """Its key; empty without Redis. Encrypted: such files hold telephone numbers."""
    key = new_token()
    packed = base64.b64encode(zlib.compress(content)).decode()
    try:
        state.redis.set(_name(who, key), state.services.vault.encrypt(f"{name}\n{packed}"), ex=_KEPT_SECONDS)
    except RedisError:
        return ""
    return key


def _kept(state: State, who: LoggedIn, key: str) -> tuple[str, bytes] | None:
    """Its name and content."""
    try:
        found = state.redis.get(_name(who, key))
    except RedisError:
        return None
    if not isinstance(found, str):
        return None
    name, _, packed = state.services.vault.decrypt(found).rpartition("\n")
    return name, zlib.decompress(base64.b64decode(packed))


def _name(who: LoggedIn, key: str) -> str:
    return f"{PREFIX}upload:{who.staff.id}:{key}"
