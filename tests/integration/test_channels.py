"""Hotline and WeChat, over the interface, with a gateway and a platform that keep their own rules: on both databases."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from factories import a_lawyer, answer
from outside import HotlineGateway, WeChat
from people import Service
from sqlalchemy import func, select
from starlette.testclient import TestClient

from api.app import make_app
from channels.adapter import Adapter
from channels.carrier import Carrier
from channels.hotline.adapter import HotlineAdapter
from channels.hotline.gateways import register_gateway, retire_key, rotate_key
from channels.models import Caller, MessageDelivery
from channels.wechat.adapter import WeChatAdapter
from core.database import Database
from core.security import Vault
from core.settings import Settings
from escalation.models import Consultation, Conversation, Message, Round

CALLER = "13800138000"


@pytest.fixture
def gateway(service: Service) -> Iterator[HotlineGateway]:
    simulator = HotlineGateway()
    with service.database.write() as session:
        key = register_gateway(
            session, "nmg-12348", "150900", f"{simulator.url}/callback", Vault(service.settings), "test"
        )
    simulator.keys[key.id] = key.secret
    with simulator.serving():
        yield simulator


@contextmanager
def carrying(database: Database, settings: Settings, *kinds: type) -> Iterator[None]:
    """The dispatcher's carrier, in a thread."""

    def adapters(database: Database, settings: Settings) -> list[Adapter]:
        return [kind(database, settings) for kind in kinds]

    stop = threading.Event()
    thread = threading.Thread(target=Carrier(database, settings, adapters).run, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def until(said: Callable[[], object], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < ends
        time.sleep(0.05)


def count(database: Database, what: type, *where: object) -> int:
    with database.read() as session:
        return session.execute(select(func.count()).select_from(what).where(*where)).scalar_one()  # type: ignore[arg-type]


# Hotline


def test_a_caller_asks_is_handed_over_and_hears_the_lawyers(service: Service, gateway: HotlineGateway) -> None:
    database = service.database
    lawyer = a_lawyer(database)
    with carrying(database, service.settings, HotlineAdapter):
        found = gateway.post(service.client, CALLER, "房东不退押金怎么办")
        assert found.status_code == 202
        assert found.json()["duplicate"] is False
        until(lambda: gateway.told(CALLER))
        assert "转给" in gateway.told(CALLER)[0]
        assert "发给您" in gateway.told(CALLER)[0]
        with database.read() as session:
            round_ = session.execute(select(Round)).scalar_one()
            consultation = session.execute(select(Consultation)).scalar_one()
        answer(database, round_.id, lawyer, "可以要求退还。" * 200)
        until(lambda: len(gateway.told(CALLER)) >= 4)
    pieces = [each for each in gateway.shown.values() if each["kind"] == "lawyer_answer"]
    assert [each["part"] for each in pieces] == list(range(1, len(pieces) + 1))
    assert all(len(each["text"]) <= 500 for each in pieces)
    assert {each["order"] for each in pieces} == {consultation.number}
    assert count(database, MessageDelivery, MessageDelivery.state == "sent") == count(
        database, Message, Message.author != "citizen"
    )


def test_a_number_means_what_was_offered_last(service: Service, gateway: HotlineGateway) -> None:
    with carrying(service.database, service.settings, HotlineAdapter):
        gateway.post(service.client, CALLER, "你好")
        until(lambda: count(service.database, MessageDelivery))  # told, and known to have been told
        assert "回复1 " in gateway.told(CALLER)[0]
        offered = next(line for line in gateway.told(CALLER)[0].splitlines() if "约调解" in line)
        number = offered.removeprefix("回复").split()[0]
        gateway.post(service.client, CALLER, number)
        until(lambda: len(gateway.told(CALLER)) >= 2)
    assert "调解" in gateway.told(CALLER)[1]
    assert count(service.database, Message, Message.kind == "choice") == 1


def test_the_same_message_again_is_one_message(service: Service, gateway: HotlineGateway) -> None:
    first = gateway.post(service.client, CALLER, "你好", "m-1").json()
    again = gateway.post(service.client, CALLER, "你好", "m-1").json()
    assert again == {**first, "duplicate": True}
    assert count(service.database, Message, Message.author == "citizen") == 1
    assert count(service.database, Conversation) == 1


def test_nobody_but_the_gateway_is_heard(service: Service, gateway: HotlineGateway) -> None:
    client = service.client
    old = str(int(time.time()) - 400)
    assert gateway.post(client, CALLER, "你好", headers={"X-Wenfa-Signature": "00"}).status_code == 401
    assert gateway.post(client, CALLER, "你好", headers={"X-Wenfa-Timestamp": old}).status_code == 401
    assert gateway.post(client, CALLER, "你好", headers={"X-Wenfa-Key": "nobody"}).status_code == 401
    assert gateway.post(client, CALLER, "你好", headers={"X-Wenfa-Nonce": "short"}).status_code == 401
    unsigned = client.post("/v1/channels/hotline/messages", json={"message_id": "1", "caller": CALLER, "text": "你好"})
    assert unsigned.status_code == 401
    assert "签名" in unsigned.json()["title"]
    broken = gateway.post(client, CALLER, "", body=b'{"message_id": ')
    assert broken.status_code == 400
    wrong = gateway.post(client, "不是号码", "你好")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "caller")
    large = gateway.post(client, CALLER, "", body=b'{"text": "' + b"a" * 70_000 + b'"}')
    assert large.status_code == 413
    assert count(service.database, Message) == 0


def test_a_request_is_heard_once(service: Service, gateway: HotlineGateway) -> None:
    once = {"X-Wenfa-Nonce": "the-same-nonce"}
    key, secret = next(iter(gateway.keys.items()))
    from channels.hotline.signing import signature

    body = b'{"message_id": "1", "caller": "13800138000", "text": "\xe4\xbd\xa0\xe5\xa5\xbd"}'
    at = str(int(time.time()))
    headers = {
        "X-Wenfa-Key": key, "X-Wenfa-Timestamp": at, **once, "Content-Type": "application/json",
        "X-Wenfa-Signature": signature(secret, at, "the-same-nonce", body),
    }  # fmt: skip
    found = [
        service.client.post("/v1/channels/hotline/messages", content=body, headers=headers).status_code
        for _ in range(2)
    ]
    assert found == [202, 409]


def test_a_key_is_changed_without_a_gap(service: Service, gateway: HotlineGateway) -> None:
    vault, old = Vault(service.settings), next(iter(gateway.keys))
    with service.database.write() as session:
        new = rotate_key(session, "nmg-12348", vault, "test")
    with carrying(service.database, service.settings, HotlineAdapter):
        # The gateway has not got it yet, and what is sent to it is signed as before.
        assert gateway.post(service.client, CALLER, "你好").status_code == 202
        until(lambda: gateway.told(CALLER))
        gateway.keys[new.id] = new.secret
        assert gateway.post(service.client, CALLER, "谢谢").status_code == 202
        with service.database.write() as session:
            retire_key(session, old, "test")
        until(lambda: len(gateway.told(CALLER)) >= 2)
    del gateway.keys[new.id]
    assert gateway.post(service.client, CALLER, "你好").status_code == 401


def test_over_a_bad_line_everything_comes_once_and_in_order(service: Service, gateway: HotlineGateway) -> None:
    """Of what is posted a third is lost or loses its answer, a third comes twice, all of it late and mixed up; back the same."""
    chance = random.Random(7)
    gateway.line = lambda: chance.choice(("good", "good", "lost", "answer lost"))
    callers = [f"1380013800{number}" for number in range(5)]
    waiting = [(caller, f"{caller}-{number}") for caller in callers for number in range(6)]
    waiting += chance.sample(waiting, 10)
    chance.shuffle(waiting)
    posted = iter(waiting)

    def post(caller: str, message_id: str) -> None:
        while True:
            time.sleep(chance.random() / 20)
            fate = gateway.line()
            if fate != "lost":
                found = gateway.post(service.client, caller, "你好", message_id)
                assert found.status_code == 202
            if fate == "good":
                return

    with carrying(service.database, service.settings, HotlineAdapter):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: post(*each), posted))
        assert count(service.database, Message, Message.author == "citizen") == 30
        until(lambda: count(service.database, Message, Message.handled_at.is_not(None)) == 30, 60)
        gateway.line = lambda: "good"
        replies = count(service.database, Message, Message.author == "service")
        until(lambda: count(service.database, MessageDelivery, MessageDelivery.state == "sent") == replies, 120)
    with service.database.read() as session:
        said = session.execute(select(Message).where(Message.author == "service").order_by(Message.seq)).scalars().all()
        of_caller = {each.conversation_id: each for each in session.execute(select(Caller)).scalars()}
    vault = Vault(service.settings)
    for caller in callers:
        expected = [
            str(each.id) for each in said
            if vault.decrypt(of_caller[each.conversation_id].address_encrypted) == caller
        ]  # fmt: skip
        shown = [each["id"].rpartition("-")[0] for each in gateway.shown.values() if each["caller"] == caller]
        assert list(dict.fromkeys(shown)) == expected
    assert gateway.taken > len(gateway.shown)  # some came again, and were shown once


def test_a_gateway_that_is_away_gets_everything_once_it_is_back(service: Service, gateway: HotlineGateway) -> None:
    gateway.status = 503
    with carrying(service.database, service.settings, HotlineAdapter):
        gateway.post(service.client, CALLER, "你好")
        gateway.post(service.client, CALLER, "谢谢")
        until(lambda: count(service.database, Caller, Caller.attempts > 0))
        assert not gateway.shown
        gateway.status = 200
        until(lambda: len(gateway.told(CALLER)) >= 2, 60)
    assert "您好" in gateway.told(CALLER)[0]
    assert "不客气" in gateway.told(CALLER)[1]


def test_what_a_gateway_will_not_have_holds_up_the_rest_no_longer_than_it_must(
    service: Service, gateway: HotlineGateway
) -> None:
    gateway.status = 422
    with carrying(service.database, service.settings, HotlineAdapter):
        gateway.post(service.client, CALLER, "你好")
        until(lambda: count(service.database, MessageDelivery, MessageDelivery.state == "dead"), 60)
        gateway.status = 200
        gateway.post(service.client, CALLER, "谢谢")
        until(lambda: gateway.told(CALLER))
    assert "不客气" in gateway.told(CALLER)[0]
    with service.database.read() as session:
        [dead] = session.execute(select(MessageDelivery).where(MessageDelivery.state == "dead")).scalars()
    assert "422" in dead.error


def test_after_a_lawyers_words_a_number_is_a_number(service: Service, gateway: HotlineGateway) -> None:
    lawyer = a_lawyer(service.database)
    with carrying(service.database, service.settings, HotlineAdapter):
        gateway.post(service.client, CALLER, "房东不退押金怎么办")
        until(lambda: gateway.told(CALLER))
        with service.database.read() as session:
            round_ = session.execute(select(Round)).scalar_one()
        answer(service.database, round_.id, lawyer, "押了几个月的租金？")
        until(lambda: count(service.database, MessageDelivery) == 2)  # told, and known to have been told
        assert gateway.post(service.client, CALLER, "1").status_code == 202
        until(lambda: len(gateway.told(CALLER)) >= 3)
    with service.database.read() as session:
        last = session.execute(
            select(Message).where(Message.author == "citizen").order_by(Message.seq.desc())
        ).scalars()
        assert next(iter(last)).kind == "text"


def test_who_writes_too_fast_is_told_when_to_go_on(service: Service, gateway: HotlineGateway) -> None:
    found = [gateway.post(service.client, CALLER, "你好") for _ in range(65)]
    assert [each.status_code for each in found[:60]] == [202] * 60
    refused = found[-1]
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "秒后再发" in refused.json()["title"]
    # Somebody else is not held up.
    assert gateway.post(service.client, "13900139000", "你好").status_code == 202


def test_a_page_or_an_app_is_counted_too(service: Service) -> None:
    citizen, other = service.a_citizen(), service.a_citizen()
    found = [citizen.says("你好") for _ in range(61)]
    assert [each.status_code for each in found] == [200] * 60 + [429]
    assert "Retry-After" in found[-1].headers
    assert other.says("你好").status_code == 200


# WeChat


@pytest.fixture(params=[False, True], ids=["plain", "safe"])
def wechat(request: pytest.FixtureRequest) -> Iterator[WeChat]:
    platform = WeChat(safe=request.param)
    with platform.serving():
        yield platform


@pytest.fixture
def followed(settings: Settings, database: Database, redis: object, wechat: WeChat) -> Iterator[Service]:
    """The service with an official account."""
    url = database.engine.url.render_as_string(hide_password=False)
    settings = settings.model_copy(
        update={
            "database_url": url, "rasa_port": 1, "wechat_api_base": wechat.url, "wechat_app_id": wechat.APP_ID,
            "wechat_app_secret": wechat.APP_SECRET, "wechat_token": wechat.TOKEN,
            "wechat_aes_key": wechat.AES_KEY if wechat.safe else "",
        }
    )  # fmt: skip
    with TestClient(make_app(settings), raise_server_exceptions=False) as client:
        yield Service(settings, database, client)


def test_wechat_finds_its_server(followed: Service, wechat: WeChat) -> None:
    query = {**wechat.query(), "echostr": "12345"}
    assert followed.client.get("/v1/channels/wechat", params=query).text == "12345"
    assert followed.client.get("/v1/channels/wechat", params={**query, "nonce": "x"}).status_code == 403


def test_what_is_ready_at_once_goes_back_at_once_and_a_retry_gets_the_same(followed: Service, wechat: WeChat) -> None:
    first = wechat.says(followed.client, "openid-1", "你好", 1001)
    assert "您好" in first
    assert "回复1 " in first
    assert wechat.says(followed.client, "openid-1", "你好", 1001) == first
    assert count(followed.database, Message, Message.author == "citizen") == 1
    # A number is what was offered.
    number = next(line for line in first.splitlines() if "求法援" in line).removeprefix("回复").split()[0]
    assert "法律援助" in wechat.says(followed.client, "openid-1", number, 1002)
    assert count(followed.database, MessageDelivery, MessageDelivery.state == "passive") == 2


def test_lawyers_answers_come_together_and_the_last_message_is_kept(followed: Service, wechat: WeChat) -> None:
    database = followed.database
    first, *others = (a_lawyer(database) for _ in range(3))
    assert "转给" in wechat.says(followed.client, "openid-2", "房东不退押金怎么办", 2001)
    with database.read() as session:
        round_ = session.execute(select(Round)).scalar_one()
    with carrying(database, followed.settings, WeChatAdapter):
        answer(database, round_.id, first, "第一位的解答")
        until(lambda: wechat.texts["openid-2"])
        for place, other in enumerate(others):
            answer(database, round_.id, other, f"另一位的解答{place}")
        time.sleep(2)
        assert len(wechat.texts["openid-2"]) == 1  # they wait for each other
    assert "第一位的解答" in wechat.texts["openid-2"][0]
    # Whoever writes gets what waits in the answer.
    passive = wechat.says(followed.client, "openid-2", "还有多久", 2002)
    assert "另一位的解答0" in passive
    assert "另一位的解答1" in passive
    assert "有 2 位律师的解答" in passive
    assert not wechat.refused


def test_what_wechat_will_not_take_waits_for_the_citizen(followed: Service, wechat: WeChat) -> None:
    database = followed.database
    lawyer = a_lawyer(database)
    wechat.says(followed.client, "openid-3", "房东不退押金怎么办", 3001)
    with database.read() as session:
        round_ = session.execute(select(Round)).scalar_one()
    wechat.granted["openid-3"] = 0
    with carrying(database, followed.settings, WeChatAdapter):
        answer(database, round_.id, lawyer, "等您回来的解答")
        until(lambda: wechat.refused)
        time.sleep(1)
    assert len(wechat.refused) == 1
    assert "等您回来的解答" in wechat.says(followed.client, "openid-3", "谢谢", 3002)


def test_menu_scan_voice_and_what_nobody_understands(followed: Service, wechat: WeChat) -> None:
    client = followed.client
    assert "您好" in wechat.event(client, "openid-4", "subscribe", "qrscene_150902", 1_700_000_000)
    with followed.database.read() as session:
        assert session.execute(select(Conversation.region)).scalar_one() == "150902"
    assert "调解" in wechat.event(client, "openid-4", "CLICK", "/mediation", 1_700_000_001)
    voice = "<MsgType><![CDATA[voice]]></MsgType><MediaId>1</MediaId><Format>amr</Format>"
    assert "没有听清" in wechat.post(client, "openid-4", voice, 4001)
    assert "您好" in wechat.post(client, "openid-4", f"{voice}<Recognition><![CDATA[你好]]></Recognition>", 4002)
    image = "<MsgType><![CDATA[image]]></MsgType><PicUrl>http://x</PicUrl><MediaId>1</MediaId>"
    assert "文字和语音" in wechat.post(client, "openid-4", image, 4003)
    assert wechat.event(client, "openid-4", "unsubscribe", created=1_700_000_002) == ""
    assert count(followed.database, Caller, Caller.reachable.is_(False)) == 1


def test_a_text_too_long_for_wechat_ends_in_a_link_that_opens_the_thread(followed: Service, wechat: WeChat) -> None:
    database = followed.database
    lawyer = a_lawyer(database)
    wechat.says(followed.client, "openid-5", "房东不退押金怎么办", 5001)
    with database.read() as session:
        round_ = session.execute(select(Round)).scalar_one()
    answer(database, round_.id, lawyer, "可以要求退还。" * 200)
    with carrying(database, followed.settings, WeChatAdapter):
        until(lambda: wechat.texts["openid-5"])
    text = wechat.texts["openid-5"][0]
    path = "/t/" + text.rpartition("/t/")[2]
    opened = followed.client.get(path)
    assert opened.status_code == 200
    assert "可以要求退还。" * 200 in opened.text
    followed.client.cookies.clear()
    assert followed.client.get(path[:-3] + "abc", follow_redirects=False).status_code == 404


def test_forged_and_malformed_posts_are_refused(followed: Service, wechat: WeChat) -> None:
    client = followed.client
    xml = b"<xml><ToUserName>a</ToUserName><FromUserName>b</FromUserName><MsgType>text</MsgType></xml>"
    assert client.post("/v1/channels/wechat", content=xml).status_code == 403
    spoiled = {**wechat.query(), "signature": "0" * 40}
    assert client.post("/v1/channels/wechat", params=spoiled, content=xml).status_code == 403
    for body in (
        b"",
        b"not xml",
        b"<xml>",
        b'<!DOCTYPE x [<!ENTITY e "1">]><xml>&e;</xml>',
        b"<xml></xml>",
        b"\xff\xfe",
    ):
        found = client.post("/v1/channels/wechat", params=wechat.query(), content=body)
        assert found.status_code in (400, 403), body
    assert count(followed.database, Message) == 0
