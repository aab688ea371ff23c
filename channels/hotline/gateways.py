"""Gateways and their keys: made and changed by an administrator, looked up at each request."""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from channels.models import Gateway, GatewayKey
from core.database import database_now
from core.regions import get_region
from core.security import Vault
from escalation.errors import Conflict, NotFound, Refused
from escalation.journal import audit

_USE_NOTED_EVERY = timedelta(minutes=10)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its gateway must hold it; the secret is told this once."""

    id: str
    secret: str


def register_gateway(
    session: Session, name: str, region: str, callback_url: str, vault: Vault, actor: str, *, new: bool = False
) -> NewKey:
    """A gateway with its first key, or one known with a new address and another key. Raises Refused, UnknownRegion; with `new`
    Conflict for one known.
    """
    get_region(region)
    if not _NAME.fullmatch(name):
        raise Refused("网关名称只用小写字母、数字和连字符，例如 nmg-12348。", "name")
    _check_url(callback_url)
    gateway = session.get(Gateway, name)
    if gateway is not None and new:
        raise Conflict("已经有叫这个名称的网关。要改地址或换密钥，请打开它自己的一页。", "name")
    if gateway is None:
        session.add(Gateway(name=name, region=region, callback_url=callback_url))
        session.flush()
    else:
        gateway.region, gateway.callback_url, gateway.active = region, callback_url, True
    audit(session, actor, "register_gateway", name, region=region, callback_url=callback_url)
    return rotate_key(session, name, vault, actor)


def change_gateway(session: Session, name: str, region: str, callback_url: str, actor: str) -> Gateway:
    """Another place or address; its keys stay good. Raises NotFound, Refused, UnknownRegion."""
    gateway = look_at_gateway(session, name)
    get_region(region)
    _check_url(callback_url)
    if (gateway.region, gateway.callback_url) != (region, callback_url):
        before = {"region": gateway.region, "callback_url": gateway.callback_url}
        gateway.region, gateway.callback_url = region, callback_url
        audit(session, actor, "change_gateway", name, before=before, region=region, callback_url=callback_url)
    return gateway


def rotate_key(session: Session, name: str, vault: Vault, actor: str) -> NewKey:
    """One more key; the older ones stay good until they are retired. Raises NotFound."""
    look_at_gateway(session, name)
    key = NewKey(f"{name[:19]}-{secrets.token_hex(6)}", secrets.token_urlsafe(32))
    session.add(GatewayKey(id=key.id, gateway=name, secret_encrypted=vault.encrypt(key.secret)))
    audit(session, actor, "add_gateway_key", key.id, gateway=name)
    return key


def retire_key(session: Session, key_id: str, actor: str) -> None:
    """No request may be signed with it from now on. Raises NotFound; Refused for a gateway's last one."""
    key = session.get(GatewayKey, key_id)
    if key is None or key.retired_at is not None:
        raise NotFound("没有这把密钥，或它已经停用。")
    if len(keys_of(session, key.gateway)) == 1:
        raise Refused("这是网关唯一的密钥。请先加一把新的，等网关换上之后再停用它。")
    key.retired_at = database_now(session)
    audit(session, actor, "retire_gateway_key", key_id, gateway=key.gateway)


def keys_of(session: Session, name: str) -> list[GatewayKey]:
    """The keys that are good, the newest first."""
    statement = select(GatewayKey).where(GatewayKey.gateway == name, GatewayKey.retired_at.is_(None))
    return list(session.execute(statement.order_by(GatewayKey.created_at.desc(), GatewayKey.id)).scalars())


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs with a key."""

    gateway: Gateway
    secret: str
    noted: bool
    """Whether the key's use has been noted so lately that it need not be noted again (`key_used`)."""


def gateway_with_key(session: Session, key_id: str, vault: Vault) -> Signer | None:
    """The gateway that signs with this key, and the secret; None for a key that is none, is retired or whose gateway is off."""
    key = session.get(GatewayKey, key_id)
    gateway = session.get(Gateway, key.gateway) if key is not None and key.retired_at is None else None
    if key is None or gateway is None or not gateway.active:
        return None
    noted = key.used_at is not None and database_now(session) - key.used_at <= _USE_NOTED_EVERY
    return Signer(gateway, vault.decrypt(key.secret_encrypted), noted)


def key_used(session: Session, key_id: str) -> None:
    """Note that a request was signed with it; once in ten minutes is enough to see which of two keys a gateway uses."""
    session.execute(update(GatewayKey).where(GatewayKey.id == key_id).values(used_at=database_now(session)))


def look_at_gateway(session: Session, name: str) -> Gateway:
    """Raises NotFound."""
    gateway = session.get(Gateway, name)
    if gateway is None:
        raise NotFound("没有这个网关。")
    return gateway


def _check_url(url: str) -> None:
    if not re.fullmatch(r"https?://[\x21-\x7e]{3,2000}", url):
        raise Refused("回调地址要以 https:// 或 http:// 开头，中间没有空格和汉字。", "callback_url")


def all_gateways(session: Session) -> list[Gateway]:
    return list(session.execute(select(Gateway).order_by(Gateway.name)).scalars())
