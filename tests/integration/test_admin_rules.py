"""The administration's pages about rules and records: the promise's times region by region, the audit and its chain."""

import ast
import json
import re
from collections.abc import Iterator

import pytest
from administrator import Administrator
from factories import wait_until
from people import Service
from sqlalchemy import select, update

from core.regions import ancestor
from core.settings import ROOT
from escalation import chain, journal, seals
from escalation.models import AuditRow, Staff
from escalation.policy import NAMES, Policy, said
from escalation.verb_names import VERBS
from services.requests import STEPS

PACKAGES = ("api", "bot/actions", "channels", "core", "escalation", "knowledge_base", "services", "wenfa")


@pytest.fixture
def admin(service: Service) -> Administrator:
    return Administrator.of(service)


def rules(**own: str) -> dict[str, str]:
    return dict.fromkeys(NAMES, "") | own


def test_a_region_decides_its_times_and_the_page_says_what_that_means(service: Service, admin: Administrator) -> None:
    page = admin.reads("/admin/policy?region=乌兰察布市")
    assert (
        "内蒙古自治区乌兰察布市：0 秒推给本市（盟、州）律师，3 分钟推到全自治区，6 分钟推到全国，10 分钟内 3 位" in page
    )
    wrong = admin.post("/admin/policy/150900", **rules(quorum="许多", province_after="100"))
    assert wrong.status_code == 422
    assert "要写成整数，不能是“许多”" in wrong.text
    assert 'value="100"' in wrong.text
    unfit = admin.post("/admin/policy/150900", **rules(nation_after="100"))
    assert "必须是递增的正数" in unfit.text
    saved = admin.post("/admin/policy/150900", **rules(province_after="90", quorum="2", duty_hours="是"))
    assert "已保存" in saved.text
    assert "0 秒推给值班的本市（盟、州）律师，1.5 分钟推到全自治区，6 分钟推到全国，10 分钟内 2 位" in saved.text
    below = admin.reads("/admin/policy?region=集宁区")
    assert "现行 90，内蒙古自治区乌兰察布市定的" in below
    assert "现行 360，按系统的设置" in below
    cleared = admin.post("/admin/policy/150900", **rules(quorum="2")).text
    assert "3 分钟推到全自治区" in cleared
    assert "推向全省（秒）：90 → 随上级" in cleared
    assert "没有改动" in admin.post("/admin/policy/150900", **rules(quorum="2")).text
    assert "有自己规则的地区 1 个" in admin.reads("/admin/policy")
    assert "要几位律师解答 2" in admin.reads("/admin/policy")
    assert "有自己规则的地区 0 个" in admin.post("/admin/policy/150900", **rules()).text
    assert admin.post("/admin/policy/999999", **rules()).status_code == 404


@pytest.mark.parametrize(("region", "circle"), [("150900", "全自治区"), ("330100", "全省"), ("110101", "全市")])
def test_the_sentence_names_the_circle_as_people_there_do(region: str, circle: str) -> None:
    assert ancestor(region, "province")
    assert f"3 分钟推到{circle}" in said(region, Policy())


def test_the_audit_is_read_in_words_searched_and_paged(service: Service, admin: Administrator) -> None:
    with service.database.write() as session:
        account = session.execute(select(Staff.id)).scalar_one()
        for _ in range(60):
            journal.audit(session, f"staff:{account}", "set_region_policy", "150900", before={}, now={})
    page = admin.reads("/admin/audit?verb=set_region_policy")
    assert page.count('class="item"') == 50
    assert "<strong>定时限规则</strong>" in page
    assert "王主管（工作人员）" in page
    older = re.search(r'href="\?(verb=set_region_policy&amp;before=\d+)"', page)
    assert older is not None
    assert admin.reads(f"/admin/audit?{older[1].replace('&amp;', '&')}").count('class="item"') == 10
    assert "没有这样的记录" in admin.reads("/admin/audit?actor=市民")
    assert "建立账号" in admin.reads("/admin/audit?actor=命令行")
    assert "定时限规则" in admin.reads("/admin/audit?actor=王主管&subject=150900")
    assert "没有这样的记录" in admin.reads("/admin/audit?until=2020-01-01")
    assert "日期要写成" in admin.reads("/admin/audit?since=昨天")
    with service.database.read() as session:
        read = session.execute(
            select(AuditRow.detail).where(AuditRow.verb == "read_audit").order_by(AuditRow.id)
        ).scalars()
        assert next(iter(read)) == {"sought": {"verb": "set_region_policy"}}, "whoever reads the audit stands in it"


def test_the_chain_is_checked_in_the_background_and_what_is_wrong_is_told(
    service: Service, admin: Administrator
) -> None:
    admin.post("/admin/policy/150900", **rules(quorum="2"))
    key, file = seals.seal_key(service.settings), seals.seals_path(service.settings)
    seals.keep_chain(service.database, key, file)

    def checked() -> str:
        admin.post("/admin/audit/check")
        wait_until(lambda: "正在核对" not in admin.reads("/admin/audit/check"), "the check to end", 10)
        return admin.reads("/admin/audit/check")

    assert "还没有核对过" in admin.reads("/admin/audit")
    assert "没有发现问题" in checked()
    with service.database.write() as session:
        session.execute(update(AuditRow).where(AuditRow.verb == "set_region_policy").values(detail={}))
    assert "内容被改" in checked()


def test_what_is_exported_can_be_checked_by_others(service: Service, admin: Administrator) -> None:
    admin.post("/admin/policy/150900", **rules(quorum="2"))
    seals.keep_chain(service.database, seals.seal_key(service.settings), seals.seals_path(service.settings))
    lines = admin.post("/admin/audit/export").text.splitlines()
    assert [json.loads(line)["position"] for line in lines] == list(range(1, len(lines) + 1))
    assert json.loads(lines[0])["before"] == chain.GENESIS
    assert "导出审计记录" in admin.reads("/admin/audit")


def written_verbs() -> Iterator[tuple[str, str]]:
    """(pattern, where) of every verb that code of ours gives to `audit`, or writes into the table itself."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            constants = {
                target.id: node.value
                for node in tree.body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in ast.walk(tree):
                place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.Call) and _name(node.func) == "audit" and len(node.args) > 2:
                    yield from ((each, place) for each in _texts(node.args[2], constants))
                elif isinstance(node, ast.Dict):
                    keys = {
                        key.value: value
                        for key, value in zip(node.keys, node.values, strict=True)
                        if isinstance(key, ast.Constant)
                    }
                    if {"actor", "verb", "subject"} <= set(keys):
                        yield from ((each, place) for each in _texts(keys["verb"], constants))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(node: ast.expr, constants: dict[str, ast.expr]) -> list[str]:
    """The verb, or a pattern where part of it is worked out."""
    if isinstance(node, ast.Constant):
        return [re.escape(str(node.value))]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, constants), *_texts(node.orelse, constants)]
    if isinstance(node, ast.Name) and node.id in constants:
        return _texts(constants[node.id], {})
    if isinstance(node, ast.JoinedStr):
        return [
            "".join(re.escape(str(each.value)) if isinstance(each, ast.Constant) else r"\w+" for each in node.values)
        ]
    return [f"a verb worked out by {ast.unparse(node)}"]


def test_every_verb_that_is_written_has_a_name() -> None:
    found = list(written_verbs())
    assert len(found) > 60
    nameless = [(verb, place) for verb, place in found if not any(re.fullmatch(verb, known) for known in VERBS)]
    assert not nameless, f"give these a name in escalation/verb_names.py: {nameless}"


def test_every_step_of_a_request_has_a_name() -> None:
    assert {f"{kind}_request" for kind in STEPS if kind != "reply"} <= set(VERBS)
