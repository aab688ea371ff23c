"""The administration's pages about people: lawyers found, entered, imported and taken along; accounts opened and closed."""

import re
from collections.abc import Callable

import pytest
from administrator import Administrator
from people import PASSWORD, LawyerAtDesk, Service
from sqlalchemy import func, select

from api.pages.admin_upload import UPLOAD_MAX_BYTES
from core.clock import now
from core.security import Vault
from escalation.accounts import deactivate_staff
from escalation.errors import Conflict
from escalation.lawyer_file import TEMPLATE
from escalation.lawyers import find_lawyer, import_lawyers
from escalation.models import AuditRow, Contact, Lawyer, Staff
from escalation.register import Sought, export_lawyers, look_at_lawyer

LICENCE = "11509202010123456"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FORM = {
    "姓名": "其其格", "执业证号": "11509201812345678", "律所": "草原律师事务所", "地区": "乌兰察布市", "层级": "市",
    "专长": "婚姻家庭、劳动人事", "语言": "汉语、蒙古语", "值班时间": "周一至周五 9:00-17:30；节假日 全天", "最大同时在办": "3",
    "手机": "13800001234", "推送网址": "https://firm.example.cn/push", "推送密钥": SECRET, "微信": "",
}  # fmt: skip


@pytest.fixture
def admin(service: Service) -> Administrator:
    return Administrator.of(service)


@pytest.fixture
def verbs(service: Service) -> Callable[[], list[str]]:
    def written() -> list[str]:
        with service.database.read() as session:
            return list(session.execute(select(AuditRow.verb).order_by(AuditRow.id)).scalars())

    return written


def the_lawyer(service: Service, licence: str = LICENCE) -> Lawyer:
    with service.database.read() as session:
        found = find_lawyer(session, licence)
    assert found is not None
    return found


def test_a_lawyer_is_entered_changed_and_found_and_what_is_not_shown_stays(
    service: Service, admin: Administrator
) -> None:
    assert "名册里还没有律师" in admin.reads("/admin/lawyers")
    entered = admin.post("/admin/lawyers/new", **FORM)
    assert entered.status_code == 200
    assert "已登记" in entered.text
    lawyer = the_lawyer(service, FORM["执业证号"])
    page = admin.reads(f"/admin/lawyers/{lawyer.id}")
    assert "138****1234" in page
    assert "13800001234" not in page
    assert SECRET not in page
    assert "周一至周五 9:00-17:30；节假日 全天" in page

    unchanged = FORM | {"手机": "", "推送密钥": ""}
    changed = admin.post(
        f"/admin/lawyers/{lawyer.id}", **(unchanged | {"律所": "青城律师事务所", "执业证号": "1150920199"})
    )
    assert "已保存" in changed.text
    with service.database.read() as session:
        standing = look_at_lawyer(session, lawyer.id, now())
        assert (standing.lawyer.firm, standing.lawyer.licence) == ("青城律师事务所", "1150920199")
        assert standing.lawyer.phone_hash == Vault(service.settings).fingerprint("13800001234")
        assert standing.contacts == {"webhook": "https://firm.example.cn/push"}
        secret = session.execute(select(Contact.secret_encrypted)).scalar_one()
    assert Vault(service.settings).decrypt(secret) == SECRET
    assert admin.post(f"/admin/lawyers/{lawyer.id}", **(unchanged | {"删除手机": "1"})).status_code == 200
    assert the_lawyer(service, FORM["执业证号"]).phone_hash == ""

    service.a_lawyer(region="330100")
    for query, there in (
        ("q=其其", True),
        ("q=青城", False),
        ("region=内蒙古", True),
        ("region=浙江省", False),
        ("tier=nation", False),
    ):
        assert ("其其格" in admin.reads(f"/admin/lawyers?{query}")) is there, query
    assert "不止一处" in admin.reads("/admin/lawyers?region=朝阳")


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(
    service: Service, admin: Administrator
) -> None:
    wrong = FORM | {"地区": "朝阳", "值班时间": "有空就来", "最大同时在办": "900", "推送密钥": ""}
    refused = admin.post("/admin/lawyers/new", **wrong)
    assert refused.status_code == 422
    for message in ("不止一处", "看不懂“有空就来”", "应是 1 到 50 的整数", "推送网址和推送密钥要一起填"):
        assert message in refused.text
    for typed in ("其其格", "有空就来", "13800001234", "草原律师事务所"):
        assert typed in refused.text
    admin.post("/admin/lawyers/new", **FORM)
    assert "其其格已经用这个证号登记了" in admin.post("/admin/lawyers/new", **FORM).text
    with service.database.read() as session:
        assert session.execute(select(func.count()).select_from(Lawyer)).scalar_one() == 1


def test_who_is_out_of_service_is_logged_out_and_may_come_back(service: Service, admin: Administrator) -> None:
    at_desk = service.a_lawyer()
    path = f"/admin/lawyers/{at_desk.id}"
    assert "不再向" in admin.reads(f"{path}/active")
    assert "已停用" in admin.post(f"{path}/active").text
    assert service.client.get("/v1/desk/rounds", headers=at_desk.headers).status_code == 401
    assert "已恢复" in admin.post(f"{path}/active", active="1").text
    assert LawyerAtDesk(service.client, at_desk.login).waiting() == []


def test_a_file_is_checked_before_it_is_imported_and_a_faulty_line_costs_no_other(
    service: Service, admin: Administrator, verbs: Callable[[], list[str]]
) -> None:
    content = (TEMPLATE + "张三,,某所,乌兰察布市,市,,,,,\n李四,2001,某所,火星,市,,,12,,\n").encode()
    checked = admin.uploads("/admin/lawyers/import", content).text
    assert "只是检查，还没有写入" in checked
    assert "新增 2 位，更新 0 位，没有变化 0 位，有问题 2 行" in checked
    for told in (
        "<td>4</td><td>执业证号</td><td></td><td>不能为空</td>",
        "<td>5</td><td>地区</td><td>火星</td>",
        "第 2 行　王明",
    ):
        assert told in checked
    with service.database.read() as session:
        assert session.execute(select(func.count()).select_from(Lawyer)).scalar_one() == 0

    key = re.search(r'name="kept" value="([^"]+)"', checked)
    assert key is not None
    faults = admin.get(f"/admin/lawyers/import/faults?key={key[1]}").content.decode("utf-8-sig")
    assert faults.splitlines()[0] == "行,列,写的是,问题"
    assert "4,执业证号,,不能为空" in faults
    taken = admin.post("/admin/lawyers/import", kept=key[1], do="import")
    assert "已导入（名册.csv）：新增 2 位" in taken.text
    assert the_lawyer(service).name == "王明"
    assert verbs().count("import_lawyers") == 1
    assert "没有变化 2 位" in admin.uploads("/admin/lawyers/import", content, "import").text
    other = Administrator.of(service).post("/admin/lawyers/import", kept=key[1], do="import")
    assert "只留半小时" in other.text, "what one administrator sent is not another's"


def test_a_file_that_cannot_be_read_is_refused_in_words(admin: Administrator) -> None:
    for content, said in (
        (b"PK\x03\x04 a workbook", "这是 Excel 工作簿"),
        ("名字,证号\n王明,1\n".encode(), "缺少列：姓名、执业证号"),
        (b"", "请选择一个 CSV 文件"),
        (b"x" * (UPLOAD_MAX_BYTES + 1), "最多 8 MB"),
    ):
        refused = admin.uploads("/admin/lawyers/import", content, "import")
        assert refused.status_code == 422
        assert said in refused.text


def test_only_administrators_send_files_and_only_there_are_they_large(service: Service, admin: Administrator) -> None:
    large = b"x" * 200_000
    assert Administrator.of(service, "supervisor").uploads("/admin/lawyers/import", large).status_code == 403
    forged = Administrator(admin.client, admin.headers, "forged")
    assert forged.uploads("/admin/lawyers/import", large).status_code == 403
    assert "登录" in service.client.post("/admin/lawyers/import", files={"file": ("a.csv", large)}).text
    assert admin.uploads("/admin/lawyers/import", large).status_code == 422
    assert admin.post("/admin/lawyers/new", 姓名="x" * 200_000).status_code == 413


def test_what_was_exported_is_imported_again_without_a_change(service: Service, admin: Administrator) -> None:
    admin.post("/admin/lawyers/new", **FORM)
    admin.post(
        "/admin/lawyers/new",
        **(FORM | {"执业证号": "2002", "姓名": "=HYPERLINK(1)", "律所": "+86所", "值班时间": "每天 18:00-次日8:00"}),
    )
    with service.database.write() as session:
        import_lawyers(session, TEMPLATE.encode(), Vault(service.settings), "test")
    exported = admin.post("/admin/lawyers/export")
    text = exported.content.decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in text
    assert "13800001234" not in text
    assert SECRET not in text
    again = admin.uploads("/admin/lawyers/import", exported.content, "import").text
    assert "新增 0 位，更新 0 位，没有变化 4 位，有问题 0 行" in again
    edited = exported.content.replace("草原律师事务所".encode(), "牧歌律师事务所".encode())
    assert "更新 1 位，没有变化 3 位" in admin.uploads("/admin/lawyers/import", edited, "import").text
    assert the_lawyer(service, FORM["执业证号"]).phone_hash, "what a file has no column for stays"
    with service.database.write() as session:
        assert export_lawyers(session, Sought(region="330000"), "test").count("\r\n") == 1


def test_the_initial_password_is_told_once_and_works(service: Service, admin: Administrator) -> None:
    with service.database.write() as session:
        import_lawyers(session, TEMPLATE.encode(), Vault(service.settings), "test")
    opened = admin.post("/admin/accounts/new", role="lawyer", login="wangming", licence=LICENCE)
    told = re.search(r'class="secret">([^<]+)<', opened.text)
    assert told is not None
    assert LawyerAtDesk(service.client, "wangming", told[1]).waiting() == []
    account = re.search(r"/admin/accounts/([0-9a-f-]{36})/password", opened.text)
    assert account is not None
    path = f"/admin/accounts/{account[1]}"
    page = admin.reads(path)
    assert told[1] not in page
    assert "上次登录刚刚" in admin.sees(path).replace(" ", "")

    taken = admin.post("/admin/accounts/new", role="supervisor", login="wangming", name="高主任")
    assert (taken.status_code, "已经有人用了" in taken.text, "高主任" in taken.text) == (409, True, True)
    weak = admin.post(f"{path}/password", password="short")
    assert "密码至少要 10 个字符" in weak.text
    at_desk = LawyerAtDesk(service.client, "wangming", told[1])
    assert "已改" in admin.post(f"{path}/password", password=PASSWORD).text
    assert service.client.get("/v1/desk/rounds", headers=at_desk.headers).status_code == 401
    at_desk = LawyerAtDesk(service.client, "wangming")
    assert "登录都已结束" in admin.post(f"{path}/log-ins").text
    assert service.client.get("/v1/desk/rounds", headers=at_desk.headers).status_code == 401


def test_nobody_closes_their_own_account_or_the_last_administrators(service: Service, admin: Administrator) -> None:
    other = Administrator.of(service)
    with service.database.read() as session:
        ids = list(
            session.execute(select(Staff.id).where(Staff.role == "administrator").order_by(Staff.created_at)).scalars()
        )
    own, others = (f"/admin/accounts/{each}/active" for each in ids)
    assert "不能停用自己的账号" in admin.post(own).text
    assert "已停用" in admin.post(others).text
    assert "登录" in other.get("/admin/accounts").text
    assert "已恢复" in admin.post(others, active="1").text
    admin.post(others)
    with service.database.write() as session, pytest.raises(Conflict, match="最后一个"):
        deactivate_staff(session, ids[0], "command line")


def test_other_staff_and_forms_from_elsewhere_are_refused(service: Service, admin: Administrator) -> None:
    supervisor = Administrator.of(service, "supervisor")
    for page in ("lawyers", "accounts", "offices", "posts", "devices", "keys", "policy", "audit"):
        assert supervisor.get(f"/admin/{page}").status_code == 403, page
    assert (
        Administrator(admin.client, admin.headers, "forged").post("/admin/accounts/new", login="x").status_code == 403
    )
