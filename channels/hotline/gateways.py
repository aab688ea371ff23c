"""Gateways and their keys: made and changed from the command line, looked up at each request."""

import re
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from channels.models import Gateway, GatewayKey
from core.database import database_now
from core.regions import get_region
from core.security import Vault
from escalation.errors import NotFound, Refused
from escalation.journal import audit

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as its gateway must hold it; the secret is told this once."""

    id: str
    secret: str


def register_gateway(session: Session, name: str, region: str, callback_url: str, vault: Vault, actor: str) -> NewKey:
    """A gateway with its first key, or one known with a new address and another key. Raises Refused, UnknownRegion."""
    get_region(region)
    if not _NAME.fullmatch(name):
        raise Refused("网关名称只用小写字母、数字和连字符，例如 nmg-12348。", "name")
    if not callback_url.startswith(("https://", "http://")):
        raise Refused("回调地址要以 https:// 或 http:// 开头。", "callback_url")
    gateway = session.get(Gateway, name)
    if gateway is None:
        session.add(Gateway(name=name, region=region, callback_url=callback_url))
        session.flush()
    else:
        gateway.region, gateway.callback_url, gateway.active = region, callback_url, True
    audit(session, actor, "register_gateway", name, region=region, callback_url=callback_url)
    return rotate_key(session, name, vault, actor)


def rotate_key(session: Session, name: str, vault: Vault, actor: str) -> NewKey:
    """One more key; the older ones stay good until they are retired. Raises NotFound."""
    if session.get(Gateway, name) is None:
        raise NotFound("没有这个网关。")
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
        raise Refused("这是网关唯一的密钥。请先用 wenfa gateway rotate 换上新的，再停用它。")
    key.retired_at = database_now(session)
    audit(session, actor, "retire_gateway_key", key_id, gateway=key.gateway)


def keys_of(session: Session, name: str) -> list[GatewayKey]:
    """The keys that are good, the newest first."""
    statement = select(GatewayKey).where(GatewayKey.gateway == name, GatewayKey.retired_at.is_(None))
    return list(session.execute(statement.order_by(GatewayKey.created_at.desc(), GatewayKey.id)).scalars())


def gateway_with_key(session: Session, key_id: str, vault: Vault) -> tuple[Gateway, str] | None:
    """The gateway that signs with this key, and the secret; None for a key that is none, is retired or whose gateway is off."""
    key = session.get(GatewayKey, key_id)
    gateway = session.get(Gateway, key.gateway) if key is not None and key.retired_at is None else None
    if key is None or gateway is None or not gateway.active:
        return None
    return gateway, vault.decrypt(key.secret_encrypted)


def all_gateways(session: Session) -> list[Gateway]:
    return list(session.execute(select(Gateway).order_by(Gateway.name)).scalars())
