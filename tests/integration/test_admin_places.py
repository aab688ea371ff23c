"""The administration's pages about places and channels: offices, posts with their codes, devices, gateways and their keys."""

import json
import re
from uuid import UUID

import pytest
from administrator import Administrator
from people import PASSWORD, Citizen, Service
from sqlalchemy import select

from channels.devices import enrol_device
from channels.hotline.gateways import gateway_with_key
from channels.hotline.signing import sign
from channels.models import Device, Gateway, GatewayKey, Post
from channels.posts import TEMPLATE as POSTS
from core import clock
from core.clock import now
from escalation.models import AuditRow, Conversation
from services.models import Office
from services.office_file import TEMPLATE as OFFICES

CENTRE = "乌兰察布市公共法律服务中心"
OFFICE = {
    "名称": CENTRE, "地区": "乌兰察布市", "承办事项": "求法援、约调解", "上级机构": "", "地址": "集宁区格根西街1号",
    "电话": "0474-8888888", "办公时间": "工作日 8:30-17:30",
}  # fmt: skip
POST = {"名称": "集宁区法律明白人工作点", "地区": "集宁区", "编号": "", "负责人": "巴特尔", "地址": "党群服务中心"}
GATEWAY = {"name": "nmg-12348", "region": "内蒙古", "callback_url": "https://gw.example.cn/wenfa"}


@pytest.fixture
def admin(service: Service) -> Administrator:
    return Administrator.of(service)


def test_an_office_is_entered_gets_a_clerk_is_closed_and_opened(service: Service, admin: Administrator) -> None:
    assert "还没有办事机构" in admin.reads("/admin/offices")
    wrong = admin.post("/admin/offices/new", **(OFFICE | {"承办事项": "看病", "上级机构": "没有的"}))
    assert (wrong.status_code, "不认识“看病”" in wrong.text, "格根西街" in wrong.text) == (422, True, True)
    entered = admin.post("/admin/offices/new", **OFFICE).text
    assert "已登记" in entered
    assert "这个地区已经有叫这个名字的机构" in admin.post("/admin/offices/new", **OFFICE).text
    with service.database.read() as session:
        office = session.execute(select(Office)).scalar_one()
    path = f"/admin/offices/{office.id}"
    child = OFFICE | {"名称": "察右中旗法律援助工作站", "地区": "察哈尔右翼中旗", "上级机构": CENTRE}
    assert "已登记" in admin.post("/admin/offices/new", **child).text
    assert f"属于{CENTRE}" in admin.reads("/admin/offices?region=察哈尔右翼中旗")
    assert "工作站" not in admin.reads("/admin/offices?service=notary")

    admin.post("/admin/accounts/new", role="clerk", login="zhou", name="周敏", office=str(office.id), password=PASSWORD)
    assert "周敏（zhou）" in admin.reads(path)
    assert "在这里办事的 1 个账号" in admin.reads(f"{path}/active")
    assert "已停办" in admin.post(f"{path}/active").text
    with service.database.read() as session:
        assert not session.get_one(Office, office.id).active
    assert "已恢复" in admin.post(f"{path}/active", active="1").text
    exported = admin.post("/admin/offices/export").content
    assert "没有变化 2 个，有问题 0 行" in admin.uploads("/admin/offices/import", exported, "import").text
    assert "更新 2 个" in admin.uploads("/admin/offices/import", OFFICES.encode()).text
    with service.database.read() as session:
        assert session.get_one(Office, office.id).services == ["legal_aid", "mediation"], "looking writes nothing"


def test_a_post_is_entered_counted_printed_and_keeps_its_number(service: Service, admin: Administrator) -> None:
    assert "还没有服务点" in admin.reads("/admin/posts")
    entered = admin.post("/admin/posts/new", **POST).text
    assert "已登记" in entered
    with service.database.read() as session:
        post = session.execute(select(Post)).scalar_one()
    path = f"/admin/posts/{post.code}"
    citizen = Citizen(service.client)
    with service.database.write() as session:
        session.get_one(Conversation, UUID(citizen.id)).post = post.code
    citizen.says("房东不退押金")
    assert "会话 1，市民的消息 1，转给律师的咨询 1" in admin.reads(path)
    assert "<span>消息 1</span>" in admin.reads("/admin/posts?q=明白人")
    assert "已保存" in admin.post(path, **(POST | {"名称": "集宁区工作点", "编号": "another"})).text
    with service.database.read() as session:
        assert [(each.code, each.name) for each in session.execute(select(Post)).scalars()] == [
            (post.code, "集宁区工作点")
        ]
    assert admin.get(f"{path}/code.svg").content.lstrip().startswith(b"<?xml")
    assert admin.get(f"{path}/code.png").content.startswith(b"\x89PNG")

    assert "新增 2 个" in admin.uploads("/admin/posts/import", POSTS.encode(), "import").text
    sheet = admin.get(f"/admin/posts/sheets?only=ticked&code={post.code}")
    assert (sheet.headers["Content-Type"], sheet.content[:4]) == ("application/pdf", b"%PDF")
    assert len(admin.get("/admin/posts/sheets?region=内蒙古").content) > len(sheet.content)
    assert "还没有选服务点" in admin.get("/admin/posts/sheets?only=ticked").text
    assert admin.get("/admin/posts/sheets?region=火星").status_code == 422
    exported = admin.post("/admin/posts/export").content
    assert "没有变化 3 个" in admin.uploads("/admin/posts/import", exported, "import").text
    assert "已停用" in admin.post(f"{path}/active").text
    assert "没有在用的服务点" in admin.get(f"/admin/posts/sheets?only=ticked&code={post.code}").text


def test_a_device_is_enrolled_by_a_code_told_once_moved_and_retired(service: Service, admin: Administrator) -> None:
    assert "还没有终端" in admin.reads("/admin/devices")
    form = {"name": "政务大厅一楼 1 号机", "region": "集宁区", "post": ""}
    assert "没有编号为 abc 的服务点" in admin.post("/admin/devices/new", **(form | {"post": "abc"})).text
    told = admin.post("/admin/devices/new", **form).text
    code = re.search(r'class="secret">([A-Z0-9-]+)<', told)
    assert code is not None
    assert "24 小时内有效" in told
    with service.database.write() as session:
        device, _token = enrol_device(session, code[1], service.client.app.state.wenfa.services.vault)  # type: ignore[attr-defined]
    assert "已经有叫这个名称的终端" in admin.post("/admin/devices/new", **form).text
    path = f"/admin/devices/{device.id}"
    assert code[1] not in admin.reads(path)
    assert "已改" in admin.post(path, region="凉城县", post="").text
    assert "久无人用" not in admin.reads("/admin/devices")
    clock.advance(8 * 24 * 3600)
    admin = Administrator.of(service)
    assert "1 台超过 7 天没有人使用" in admin.reads("/admin/devices")
    assert "再打开就是登记的一页" in admin.reads(f"{path}/retire")
    admin.post(f"{path}/retire")
    assert "刚刚停用" in admin.sees(path)
    with service.database.read() as session:
        assert session.execute(select(Device.token_hash)).scalar_one() is None
    assert "登记码" in admin.post(f"{path}/code").text


def test_a_gateways_key_is_told_once_changed_and_retired(service: Service, admin: Administrator) -> None:
    assert "还没有网关" in admin.reads("/admin/keys")
    refused = admin.post("/admin/keys/new", **(GATEWAY | {"callback_url": "ftp://x"}))
    assert "要以 https:// 或 http:// 开头" in refused.text
    told = re.findall(r'class="secret">([^<]+)<', admin.post("/admin/keys/new", **GATEWAY).text)
    vault = service.client.app.state.wenfa.services.vault  # type: ignore[attr-defined]
    with service.database.read() as session:
        signer = gateway_with_key(session, told[0], vault)
    assert signer is not None
    assert (signer.secret, signer.noted) == (told[1], False)
    assert "还没有用过" in admin.reads("/admin/keys")
    body = json.dumps({"message_id": "1", "caller": "13800138000", "text": "你好"}).encode()
    signed = service.client.post("/v1/channels/hotline/messages", content=body, headers=sign(told[0], told[1], body))
    assert signed.status_code == 202, signed.text
    assert "最近用过：刚刚" in admin.sees("/admin/keys")
    assert "已经有叫这个名称的网关" in admin.post("/admin/keys/new", **GATEWAY).text
    changed = admin.post("/admin/keys/nmg-12348", region="乌兰察布市", callback_url="https://gw.example.cn/new")
    assert "已保存" in changed.text
    path = f"/admin/keys/nmg-12348/keys/{told[0]}/retire"
    assert "网关唯一的密钥" in admin.post(path).text
    newer = re.findall(r'class="secret">([^<]+)<', admin.post("/admin/keys/nmg-12348/keys").text)
    assert told[1] not in admin.reads("/admin/keys/nmg-12348")
    assert "不能恢复" in admin.reads(path)
    assert "已停用" in admin.post(path).text
    with service.database.read() as session:
        keys = {each.id: each.retired_at for each in session.execute(select(GatewayKey)).scalars()}
        gateway = session.get_one(Gateway, "nmg-12348")
    assert keys[told[0]] is not None
    assert keys[newer[0]] is None
    assert (gateway.region, gateway.callback_url) == ("150900", "https://gw.example.cn/new")


def test_what_was_done_stands_in_the_audit_under_the_administrators_name(
    service: Service, admin: Administrator
) -> None:
    admin.post("/admin/posts/new", **POST)
    with service.database.read() as session:
        row = session.execute(select(AuditRow).where(AuditRow.verb == "save_post")).scalar_one()
    assert row.actor.startswith("staff:")
    assert row.at <= now()
