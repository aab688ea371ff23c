"""The administration: devices 终端 in service halls. Enrolled by a code told once, moved, retired; which ones have gone silent."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import Posted, Search, back, page_number, read_region, refused_page, shown
from api.state import State, StateDep
from channels.devices import (
    CODE_GOOD_FOR,
    SILENT_AFTER,
    find_devices,
    is_silent,
    look_at_device,
    move_device,
    register_device,
    renew_code,
    retire_device,
)
from channels.models import Device
from core.clock import now
from core.region_names import region_cell
from escalation.errors import Refused

router = APIRouter(prefix="/admin/devices")

_FIELDS = ("name", "region", "post")


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    search = Search(request, "q", "region")
    with state.database.read() as session:
        found = find_devices(session, search["q"], search.region, page_number(request))
    return shown(
        request, "admin_devices.html", who, search=search, found=found, silent_days=SILENT_AFTER.days,
        silent={each.id for each in found.rows if is_silent(each, now())}, errors=search.errors,
    )  # fmt: skip


@router.get("/new")
def new_page(request: Request, who: ReadingAdministrator) -> HTMLResponse:
    return shown(request, "admin_device.html", who, device=None, form=dict.fromkeys(_FIELDS, ""))


@router.post("/new")
def enter(request: Request, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    form = {name: fields.get(name, "").strip() for name in _FIELDS}
    try:
        region = read_region(form["region"], "region")
        with state.database.write() as session:
            code = register_device(
                session, form["name"], region, form["post"], state.services.vault, who.actor, new=True
            )
    except Refused as error:
        return refused_page(request, "admin_device.html", who, error, device=None, form=form)
    return _told(request, who, state, form["name"], code)


@router.get("/{device_id}")
def device_page(request: Request, device_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    device = _look(state, device_id)
    return shown(request, "admin_device.html", who, **_filled(device))


@router.post("/{device_id}")
def move(request: Request, device_id: UUID, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    context = _filled(_look(state, device_id))
    form = {name: fields.get(name, "").strip() for name in _FIELDS}
    try:
        region = read_region(form["region"], "region")
        with state.database.write() as session:
            move_device(session, device_id, region, form["post"], who.actor)
    except Refused as error:
        return refused_page(request, "admin_device.html", who, error, **(context | {"form": form}))
    return back(f"/admin/devices/{device_id}", "moved")


@router.post("/{device_id}/code")
def new_code(request: Request, device_id: UUID, who: ActingAdministrator, state: StateDep) -> Response:
    """The page with the code on it, this once."""
    device = _look(state, device_id)
    with state.database.write() as session:
        code = renew_code(session, device_id, state.services.vault, who.actor)
    return _told(request, who, state, device.name, code)


@router.get("/{device_id}/retire")
def confirm_page(request: Request, device_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return _confirm(request, who, _look(state, device_id))


@router.post("/{device_id}/retire")
def retire(request: Request, device_id: UUID, who: ActingAdministrator, state: StateDep) -> Response:
    device = _look(state, device_id)
    try:
        with state.database.write() as session:
            retire_device(session, device.name, who.actor)
    except Refused as error:
        return _confirm(request, who, device, error)
    return back(f"/admin/devices/{device_id}", "closed")


def _confirm(request: Request, who: LoggedIn, device: Device, error: Refused | None = None) -> HTMLResponse:
    context = {
        "title": f"停用{device.name}",
        "says": [
            "停用之后，这台终端不能再开始新的咨询，再打开就是登记的一页；市民在它上面问过的都还在。",
            "它的凭证作废，收不回来：再用要换一个新的登记码，到终端上重新登记。",
        ],
        "button": "停用",
        "action": f"/admin/devices/{device.id}/retire",
        "back": f"/admin/devices/{device.id}",
    }
    if error is not None:
        return refused_page(request, "admin_confirm.html", who, error, **context)
    return shown(request, "admin_confirm.html", who, **context)


def _told(request: Request, who: LoggedIn, state: State, name: str, code: str) -> HTMLResponse:
    hours = round(CODE_GOOD_FOR.total_seconds() / 3600)
    return shown(
        request, "admin_device_code.html", who, name=name.strip(), code=code, until=now() + CODE_GOOD_FOR, hours=hours,
        address=f"{state.settings.site_url}/kiosk",
    )  # fmt: skip


def _look(state: State, device_id: UUID) -> Device:
    with state.database.read() as session:
        return look_at_device(session, device_id)


def _filled(device: Device) -> dict[str, object]:
    form = {"name": device.name, "region": region_cell(device.region), "post": device.post or ""}
    return {"device": device, "form": form, "silent": is_silent(device, now()), "at": now()}
