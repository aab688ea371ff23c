"""The administration: lawyers 律师. Found among thousands, looked at, entered, changed, taken out of service, written to a file."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import STATES, Posted, Search, back, download, page_number, refused_page, shown
from api.state import State, StateDep
from core.clock import now
from core.region_names import UnclearRegion, region_written
from escalation.errors import Refused
from escalation.lawyer_file import DEFAULT_CAPACITY
from escalation.lawyers import save_lawyer, set_lawyer_active
from escalation.phones import phones_in
from escalation.register import TIERS, Sought, Standing, cells_of, export_lawyers, find_lawyers, look_at_lawyer

router = APIRouter(prefix="/admin/lawyers")

MEDIA = {"webhook": "接口推送", "wechat": "微信"}
_FIELDS = (
    "姓名",
    "执业证号",
    "律所",
    "地区",
    "层级",
    "专长",
    "语言",
    "值班时间",
    "最大同时在办",
    "手机",
    "推送网址",
    "推送密钥",
    "微信",
)
_NEW = dict.fromkeys(_FIELDS, "") | {"层级": "市", "最大同时在办": str(DEFAULT_CAPACITY)}


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    search = Search(request, "q", "region", "tier", "state")
    at = now()
    with state.database.read() as session:
        found = find_lawyers(session, _sought(search), page_number(request), at)
    tiers = (("", "全部"), *TIERS.items())
    return shown(
        request, "admin_lawyers.html", who, search=search, found=found, tiers=tiers, tier_names=TIERS, states=STATES,
        contact_names=lambda standing: [MEDIA[medium] for medium in sorted(standing.contacts)], errors=search.errors,
    )  # fmt: skip


@router.post("/export")
def export(who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    """What the list was searched for, as a file that can be imported again."""
    try:
        region = region_written(fields.get("region") or "全国").code
    except UnclearRegion as error:
        raise Refused(f"{error}。") from None
    active = {"yes": True, "no": False}.get(fields.get("state", ""))
    sought = Sought(fields.get("q", ""), region, fields.get("tier", ""), active)
    with state.database.write() as session:
        content = export_lawyers(session, sought, who.actor)
    return download(content, f"律师名册{now():%Y%m%d}.csv")


@router.get("/new")
def new_page(request: Request, who: ReadingAdministrator) -> HTMLResponse:
    return shown(request, "admin_lawyer.html", who, **_form(None, _NEW))


@router.post("/new")
def enter(request: Request, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    try:
        with state.database.write() as session:
            lawyer_id = save_lawyer(session, _cells(fields, {}), state.services.vault, who.actor)
    except Refused as error:
        return refused_page(request, "admin_lawyer.html", who, error, **_form(None, _NEW | fields))
    return back(f"/admin/lawyers/{lawyer_id}", "added")


@router.get("/{lawyer_id}")
def lawyer_page(request: Request, lawyer_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    standing = _look(state, lawyer_id)
    return shown(request, "admin_lawyer.html", who, **_form(standing, _filled(standing), _phone(state, standing)))


@router.post("/{lawyer_id}")
def change(request: Request, lawyer_id: UUID, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    standing = _look(state, lawyer_id)
    try:
        with state.database.write() as session:
            save_lawyer(session, _cells(fields, standing.contacts), state.services.vault, who.actor, lawyer_id)
    except Refused as error:
        form = _form(standing, _filled(standing) | fields, _phone(state, standing))
        return refused_page(request, "admin_lawyer.html", who, error, **form)
    return back(f"/admin/lawyers/{lawyer_id}", "saved")


@router.get("/{lawyer_id}/active")
def confirm_page(request: Request, lawyer_id: UUID, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    return _confirm(request, who, _look(state, lawyer_id))


@router.post("/{lawyer_id}/active")
def set_active(
    lawyer_id: UUID, who: ActingAdministrator, state: StateDep, active: Annotated[bool, Form()] = False
) -> Response:
    with state.database.write() as session:
        set_lawyer_active(session, lawyer_id, active, who.actor)
    return back(f"/admin/lawyers/{lawyer_id}", "opened" if active else "closed")


def _confirm(request: Request, who: LoggedIn, standing: Standing) -> HTMLResponse:
    name = standing.lawyer.name
    says = [
        f"停用之后，不再向{name}推送提问，{name}不能再登录解答台；以前的解答照常显示给市民。",
        "以后可以随时恢复，资料都还在。",
    ]
    if standing.held:
        says.insert(1, f"{name}手上还有 {standing.held} 轮提问没有答完，名额在几分钟内让给别的律师。")
    return shown(
        request, "admin_confirm.html", who, title=f"停用{name}律师", says=says, button="停用",
        action=f"/admin/lawyers/{standing.lawyer.id}/active", back=f"/admin/lawyers/{standing.lawyer.id}",
    )  # fmt: skip


def _look(state: State, lawyer_id: UUID) -> Standing:
    with state.database.read() as session:
        return look_at_lawyer(session, lawyer_id, now())


def _sought(search: Search) -> Sought:
    return Sought(search["q"], search.region, search["tier"] if search["tier"] in TIERS else "", search.active)


def _filled(standing: Standing) -> dict[str, str]:
    return dict.fromkeys(_FIELDS, "") | cells_of(standing)


def _form(standing: Standing | None, form: dict[str, str], phone: str = "") -> dict[str, object]:
    return {
        "standing": standing, "form": form, "phone": phone, "tiers": [(each, each) for each in TIERS.values()],
        "media": MEDIA,
    }  # fmt: skip


def _phone(state: State, standing: Standing) -> str:
    """The lawyer's number, masked: enough to see whether there is one."""
    try:
        number = (
            state.services.vault.decrypt(standing.lawyer.phone_encrypted) if standing.lawyer.phone_encrypted else ""
        )
    except ValueError:
        return "解不开，请重新登记"
    found = phones_in(number)
    return found[0].masked if found else ""


def _cells(fields: dict[str, str], contacts: dict[str, str]) -> dict[str, str]:
    """The form as a row of a file: what was left empty because it is not shown stays as it is, like a column that is missing."""
    cells = {column: " ".join(fields.get(column, "").split()) for column in _FIELDS}
    if not cells["手机"] and not fields.get("删除手机"):
        del cells["手机"]
    if not cells["推送密钥"] and cells["推送网址"] == contacts.get("webhook", ""):
        del cells["推送网址"], cells["推送密钥"]
    return cells
