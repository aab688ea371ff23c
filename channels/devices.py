"""Devices 终端: kiosks and robots. An administrator names one and gets a code; whoever types it there enrols it, once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.models import Device
from channels.posts import find_post
from channels.spoken_codes import HINT, new_code, read_code, shown
from core.database import database_now
from core.ids import new_id, new_token
from core.paging import Paged, one_page
from core.regions import NATION, get_region
from core.security import Vault, hash_token, same
from escalation.conversations import start_conversation
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import audit
from escalation.models import Conversation
from escalation.places import code_lies_in

CODE_GOOD_FOR = timedelta(days=1)
SILENT_AFTER = timedelta(days=7)
_NAME_CHARS = 64


def register_device(
    session: Session, name: str, region: str, post: str, vault: Vault, actor: str, *, new: bool = False
) -> str:
    """A device, or one known with another place, and the code to enrol it with. `post`: its number, or nothing.

    What is enrolled already stays so until the code is used. Raises Refused, UnknownRegion; with `new` Conflict for one known.
    """
    name = name.strip()
    if not 1 <= len(name) <= _NAME_CHARS:
        raise Refused(f"终端要有名称，最多 {_NAME_CHARS} 字，例如“政务大厅一楼 1 号机”。", "name")
    _check_place(session, region, post)
    device = _named(session, name)
    if device is None:
        device = Device(id=new_id(), name=name, region=region, post=post or None)
        session.add(device)
    elif new:
        raise Conflict("已经有叫这个名称的终端。它要换登记码、换地方，请打开它自己的一页。", "name")
    else:
        device.region, device.post, device.retired_at = region, post or None, None
    code = _new_code(session, device, vault)
    audit(session, actor, "register_device", device.id, name=name, region=region, post=post)
    return code


def move_device(session: Session, device_id: UUID, region: str, post: str, actor: str) -> Device:
    """It stands somewhere else from now on, and stays enrolled. Raises NotFound, Refused, UnknownRegion."""
    device = look_at_device(session, device_id)
    _check_place(session, region, post)
    if (device.region, device.post) != (region, post or None):
        before = {"region": device.region, "post": device.post or ""}
        device.region, device.post = region, post or None
        audit(session, actor, "move_device", device_id, name=device.name, before=before, region=region, post=post)
    return device


def renew_code(session: Session, device_id: UUID, vault: Vault, actor: str) -> str:
    """A new code to enrol it with, also one that was retired; the one before opens nothing any more. Raises NotFound."""
    device = look_at_device(session, device_id)
    device.retired_at = None
    code = _new_code(session, device, vault)
    audit(session, actor, "renew_device_code", device_id, name=device.name)
    return code


def enrol_device(session: Session, written: str, vault: Vault) -> tuple[Device, str]:
    """The device behind a code as somebody typed it, and its token, told once. The code is spent; an older token too.

    Raises NotFound for a wrong, old or used code.
    """
    code = read_code(written)
    device = None
    if code:
        device = session.execute(select(Device).where(Device.code_hash == vault.fingerprint(code))).scalar_one_or_none()
    at = database_now(session)
    if device is None or device.retired_at or device.code_expires_at is None or device.code_expires_at <= at:
        raise NotFound(f"登记码不对、已用过或已过期（一天内有效）。{HINT}")
    token = new_token()
    device.token_hash, device.enrolled_at = hash_token(token), at
    device.code_hash = device.code_expires_at = None
    audit(session, f"device:{device.id}", "enrol_device", device.id)
    return device, token


def open_device(session: Session, device_id: UUID, token: str) -> Device | None:
    """The device that this token belongs to; None for one that is none, was retired or enrolled anew."""
    device = session.get(Device, device_id)
    if device is None or device.retired_at or device.token_hash is None:
        return None
    return device if same(device.token_hash, hash_token(token)) else None


def start_session(session: Session, device: Device) -> tuple[Conversation, str]:
    """A conversation for whoever stands at the device, and its token. Raises UnknownRegion."""
    device = session.get_one(Device, device.id)
    device.seen_at = database_now(session)
    return start_conversation(session, "kiosk", device.region, device.post)


def retire_device(session: Session, name: str, actor: str) -> None:
    """Its token opens nothing any more. Raises NotFound."""
    device = _named(session, name.strip())
    if device is None or device.retired_at:
        raise NotFound("没有这台终端，或它已经停用。")
    device.retired_at = database_now(session)
    device.token_hash = device.code_hash = device.code_expires_at = None
    audit(session, actor, "retire_device", device.id, name=device.name)


def all_devices(session: Session) -> Sequence[Device]:
    return session.execute(select(Device).order_by(Device.region, Device.name)).scalars().all()


def find_devices(session: Session, text: str = "", region: str = NATION, number: int = 1) -> Paged[Device]:
    """A page of them by place and name, those in use first. Raises UnknownRegion."""
    get_region(region)
    found = select(Device).where(code_lies_in(Device.region, region))
    for word in text.split():
        found = found.where(Device.name.icontains(word, autoescape=True))
    return one_page(session, found.order_by(Device.retired_at.is_not(None), Device.region, Device.name), number)


def look_at_device(session: Session, device_id: UUID) -> Device:
    """Raises NotFound."""
    device = session.get(Device, device_id)
    if device is None:
        raise NotFound("没有这台终端。")
    return device


def is_silent(device: Device, at: datetime) -> bool:
    """Whether a device in use has gone so long without anybody that somebody should look at it."""
    if device.retired_at or device.enrolled_at is None:
        return False
    return at - max(device.enrolled_at, device.seen_at or device.enrolled_at) > SILENT_AFTER


def _check_place(session: Session, region: str, post: str) -> None:
    get_region(region)
    if post and find_post(session, post) is None:
        raise Refused(f"没有编号为 {post} 的服务点，或它已经停用。", "post")


def _new_code(session: Session, device: Device, vault: Vault) -> str:
    code = new_code()
    device.code_hash = vault.fingerprint(code)
    device.code_expires_at = database_now(session) + CODE_GOOD_FOR
    return shown(code)


def _named(session: Session, name: str) -> Device | None:
    return session.execute(select(Device).where(Device.name == name)).scalar_one_or_none()
