"""The administration: hotline gateways and their keys 网关密钥. Secrets are told once; an old key goes when the new one is in use."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import Posted, back, read_region, refused_page, shown
from api.state import State, StateDep
from channels.hotline.gateways import (
    NewKey,
    all_gateways,
    change_gateway,
    keys_of,
    look_at_gateway,
    register_gateway,
    retire_key,
    rotate_key,
)
from channels.models import GatewayKey
from core.region_names import region_cell
from escalation.errors import NotFound, Refused

router = APIRouter(prefix="/admin/keys")

_FIELDS = ("name", "region", "callback_url")


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    with state.database.read() as session:
        gateways = [(each, keys_of(session, each.name)) for each in all_gateways(session)]
    return shown(request, "admin_keys.html", who, gateways=gateways)


@router.get("/new")
def new_page(request: Request, who: ReadingAdministrator) -> HTMLResponse:
    return shown(request, "admin_gateway.html", who, gateway=None, form=dict.fromkeys(_FIELDS, ""))


@router.post("/new")
def enter(request: Request, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    form = {name: fields.get(name, "").strip() for name in _FIELDS}
    try:
        region = read_region(form["region"], "region")
        with state.database.write() as session:
            key = register_gateway(
                session, form["name"], region, form["callback_url"], state.services.vault, who.actor, new=True
            )
    except Refused as error:
        return refused_page(request, "admin_gateway.html", who, error, gateway=None, form=form)
    return _told(request, who, form["name"], key)


@router.get("/{name}")
def gateway_page(request: Request, name: str, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return shown(request, "admin_gateway.html", who, **_look(state, name))


@router.post("/{name}")
def change(request: Request, name: str, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    context = _look(state, name)
    form = {each: fields.get(each, "").strip() for each in _FIELDS}
    try:
        region = read_region(form["region"], "region")
        with state.database.write() as session:
            change_gateway(session, name, region, form["callback_url"], who.actor)
    except Refused as error:
        return refused_page(request, "admin_gateway.html", who, error, **(context | {"form": form}))
    return back(f"/admin/keys/{name}", "saved")


@router.post("/{name}/keys")
def rotate(request: Request, name: str, who: ActingAdministrator, state: StateDep) -> Response:
    """The page with the secret on it, this once."""
    with state.database.write() as session:
        key = rotate_key(session, name, state.services.vault, who.actor)
    return _told(request, who, name, key)


@router.get("/{name}/keys/{key_id}/retire")
def confirm_page(request: Request, name: str, key_id: str, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return _confirm(request, who, state, name, key_id)


@router.post("/{name}/keys/{key_id}/retire")
def retire(request: Request, name: str, key_id: str, who: ActingAdministrator, state: StateDep) -> Response:
    try:
        with state.database.write() as session:
            retire_key(session, key_id, who.actor)
    except Refused as error:
        return _confirm(request, who, state, name, key_id, error)
    return back(f"/admin/keys/{name}", "closed")


def _confirm(
    request: Request, who: LoggedIn, state: State, name: str, key_id: str, error: Refused | None = None
) -> HTMLResponse:
    with state.database.read() as session:
        key = session.get(GatewayKey, key_id)
    if key is None or key.gateway != name:
        raise NotFound("没有这把密钥。")
    context = {
        "title": f"停用密钥 {key_id}",
        "says": [
            f"停用之后，网关 {name} 用这把密钥签名的消息一律不收，马上生效，不能恢复。",
            "请先看清网关已经换用新的密钥：新密钥“最近用过”的时间在往前走，这一把的停住了。",
        ],
        "button": "停用这把密钥",
        "action": f"/admin/keys/{name}/keys/{key_id}/retire",
        "back": f"/admin/keys/{name}",
    }
    if error is not None:
        return refused_page(request, "admin_confirm.html", who, error, **context)
    return shown(request, "admin_confirm.html", who, **context)


def _told(request: Request, who: LoggedIn, name: str, key: NewKey) -> HTMLResponse:
    return shown(request, "admin_key_told.html", who, name=name, key=key)


def _look(state: State, name: str) -> dict[str, object]:
    with state.database.read() as session:
        gateway, keys = look_at_gateway(session, name), keys_of(session, name)
    form = {"name": name, "region": region_cell(gateway.region), "callback_url": gateway.callback_url}
    return {"gateway": gateway, "keys": keys, "form": form}
