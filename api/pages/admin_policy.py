"""The administration: rules of time 时限规则. What holds in a region and whose decision it is, in a sentence; decided and given up."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.auth.dependencies import LoggedIn
from api.pages.admin import ActingAdministrator, ReadingAdministrator
from api.pages.admin_forms import Posted, Search, page_number, refused_page, shown
from api.state import State, StateDep
from core.regions import UnknownRegion, full_name, get_region
from escalation.audit_reading import history, names_of
from escalation.errors import NotFound, Refused
from escalation.models import AuditRow, RegionPolicy
from escalation.policy import NAMES, deciding_regions, in_force, said, shown_value, write_region_policy

router = APIRouter(prefix="/admin/policy")


@router.get("")
def list_page(request: Request, who: ReadingAdministrator, state: StateDep) -> HTMLResponse:
    """What holds in the region that was asked for, and which regions have decided something themselves."""
    search = Search(request, "region")
    context = _look(request, state, search.region)
    return shown(request, "admin_policy.html", who, **context, search=search, errors=search.errors)


@router.post("/{region}")
def write(request: Request, region: str, who: ActingAdministrator, state: StateDep, fields: Posted) -> Response:
    """What the form says the region decides itself; a rule left empty is left to those above."""
    try:
        get_region(region)
    except UnknownRegion:
        raise NotFound("没有这个地区。") from None
    own = {name: fields.get(name, "").strip() for name in NAMES}
    try:
        with state.database.write() as session:
            values = {name: value for name, value in own.items() if value}
            changed = write_region_policy(session, region, values, who.actor, base=state.policy)
    except Refused as error:
        return _refused(request, who, state, region, own, error)
    return RedirectResponse(f"/admin/policy?region={region}&done={'saved' if changed else 'same'}", 303)


def _refused(
    request: Request, who: LoggedIn, state: State, region: str, own: dict[str, str], error: Refused
) -> HTMLResponse:
    context = _look(request, state, region) | {"own": own, "search": {"region": full_name(region)}}
    return refused_page(request, "admin_policy.html", who, error, **context)


def _look(request: Request, state: State, region: str) -> dict[str, object]:
    with state.database.read() as session:
        found = in_force(session, region, state.policy)
        decision = session.get(RegionPolicy, region)
        others = deciding_regions(session, page_number(request))
        deeds = history(session, region, ("set_region_policy", "clear_region_policy"))
        names = names_of(session, [each.actor for each in deeds])
    rules = [
        (name, title, shown_value(found.policy.as_dict()[name]), found.decided_by.get(name, ""))
        for name, title in NAMES.items()
    ]
    values = decision.values if decision else {}
    return {
        "region": region, "place": full_name(region), "sentence": said(region, found.policy), "rules": rules,
        "own": {name: shown_value(values[name]) if name in values else "" for name in NAMES},
        "passed_over": {full_name(each): why for each, why in found.passed_over.items()}, "others": others,
        "other_sentences": {each.region: _decided(each.values) for each in others.rows},
        "history": _told(deeds, names),
    }  # fmt: skip


def _decided(values: dict[str, object]) -> str:
    return "，".join(f"{NAMES.get(name, name)} {shown_value(value)}" for name, value in values.items())


def _told(deeds: Sequence[AuditRow], names: dict[str, str]) -> list[tuple[AuditRow, str, list[str]]]:
    """Each deed with who did it and what it changed, in words."""
    told = []
    for each in deeds:
        before, after = each.detail.get("before", {}), each.detail.get("now", {})
        changes = []
        for name in NAMES:
            if before.get(name) != after.get(name):
                was, became = (shown_value(side[name]) if name in side else "随上级" for side in (before, after))
                changes.append(f"{NAMES[name]}：{was} → {became}")
        told.append((each, names.get(each.actor, each.actor), changes))
    return told
