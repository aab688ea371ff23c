"""Word to lawyers beside the desk, against real servers: sent at least once, shown once, given up and sent again."""

import ipaddress
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from factories import ULANQAB, a_consultation, a_lawyer, the_round, wait_until
from receivers import SECRET, Receiver, Server, WeChatPlatform
from redis import Redis
from running import free_port
from sqlalchemy import func, select

from core import clock
from core.database import Database, database_now
from core.security import Vault
from core.settings import ROOT, Settings
from escalation import courier as courier_module
from escalation import tiers
from escalation.consultations import close_consultation
from escalation.courier import Courier
from escalation.deliveries import MAX_ATTEMPTS, dead_deliveries, delivery_figures, resend_delivery
from escalation.errors import Conflict, NotFound
from escalation.media.circuits import Circuits, PutOff
from escalation.media.medium import DeliveryFailed
from escalation.models import AuditRow, Contact, Delivery, Lawyer

PHONE = "13800138000"
QUESTION = f"我被拖欠工资三个月，电话{PHONE}，怎么办"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Receivers of a test are on loopback; WeChat's settings are those of the stand-in, which is not there yet."""
    return settings.model_copy(update={"webhook_private": True, "delivery_timeout_s": 5.0})


@pytest.fixture
def start() -> Iterator[Callable[[Server], Server]]:
    """Starts servers, which stop at the end."""
    with ExitStack() as stack:

        def serve(server: Server) -> Server:
            stack.enter_context(server.serving())
            return server

        yield serve


@pytest.fixture
def receiver(start: Callable[[Server], Server]) -> Receiver:
    found = Receiver()
    start(found)
    return found


@pytest.fixture
def platform(start: Callable[[Server], Server]) -> WeChatPlatform:
    found = WeChatPlatform()
    start(found)
    return found


def on_wechat(settings: Settings, platform: WeChatPlatform) -> Settings:
    names = {"app_id": platform.APP_ID, "app_secret": platform.APP_SECRET, "template_id": platform.TEMPLATE}
    values = {f"wechat_{name}": value for name, value in names.items()}
    return settings.model_copy(update={**values, "wechat_api_base": platform.url})


@contextmanager
def working(courier: Courier) -> Iterator[Courier]:
    """The courier in a thread, as a dispatcher runs it."""
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=[stop])
    thread.start()
    try:
        yield courier
    finally:
        stop.set()
        courier.wake()
        thread.join(20)
        assert not thread.is_alive(), "the courier does not stop"


def a_reachable_lawyer(database: Database, settings: Settings, medium: str, address: str) -> Lawyer:
    lawyer = a_lawyer(database)
    secret = Vault(settings).encrypt(SECRET)
    with database.write() as session:
        session.add(Contact(lawyer_id=lawyer.id, medium=medium, address=address, secret_encrypted=secret))
    return lawyer


def deliveries(database: Database) -> list[Delivery]:
    with database.read() as session:
        return list(session.execute(select(Delivery).order_by(Delivery.created_at, Delivery.id)).scalars())


def states(database: Database) -> list[str]:
    return [delivery.state for delivery in deliveries(database)]


def tried(database: Database, attempts: int) -> bool:
    return all(delivery.attempts >= attempts for delivery in deliveries(database))


def an_alarm(database: Database, round_id: UUID, lawyer: Lawyer) -> None:
    with database.write() as session:
        lawyers = select(Lawyer.id).where(Lawyer.id == lawyer.id)
        tiers.deliver(session, round_id, lawyers, "alarm", database_now(session))


def test_a_push_goes_out_when_the_courier_is_woken_signed_and_once(
    database: Database, settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "_POLL_SECONDS", 60)  # so that only waking it can help
    a_reachable_lawyer(database, settings, "webhook", receiver.url)
    with working(Courier(database, settings)) as courier:
        wait_until(lambda: courier._loop is not None, "it does not start")
        consultation = a_consultation(database)
        courier.wake()
        wait_until(lambda: states(database) == ["sent"], "it is not sent", 10)
    [delivery] = deliveries(database)
    assert receiver.received == {str(delivery.id): 1}
    [payload] = receiver.shown.values()
    assert payload["type"] == "round.pushed"
    round_ = the_round(database, consultation)
    assert payload["data"] == {
        "consultation": consultation.number,
        "round": 1,
        "region": ULANQAB,
        "region_name": "内蒙古自治区乌兰察布市",
        "tier": "city",
        "deadline": (round_.started_at + timedelta(seconds=600)).isoformat(),
        "urgent": False,
        "url": f"{settings.site_url}/desk/rounds/{round_.id}",
    }


def test_nothing_of_the_citizens_words_leaves_the_house(
    database: Database, settings: Settings, receiver: Receiver, platform: WeChatPlatform
) -> None:
    a_reachable_lawyer(database, settings, "webhook", receiver.url)
    a_reachable_lawyer(database, settings, "wechat", "openid-1")
    a_consultation(database, text=QUESTION)
    with working(Courier(database, on_wechat(settings, platform))):
        wait_until(lambda: states(database) == ["sent"] * 2, "they are not sent")
    sent = "\n".join(receiver.raw + platform.raw)
    sent += sent.encode().decode("unicode_escape", "ignore")  # however it was written
    words = QUESTION.replace(PHONE, "")
    parts = {PHONE, *(words[start : start + 2] for start in range(len(words) - 1))}
    assert not {part for part in parts if part in sent}


@pytest.mark.parametrize("status", [500, 429, 404])
def test_what_the_receiver_does_not_confirm_is_sent_again(
    database: Database, settings: Settings, receiver: Receiver, status: int
) -> None:
    a_reachable_lawyer(database, settings, "webhook", receiver.url)
    receiver.status = status
    a_consultation(database)
    with working(Courier(database, settings)) as courier:
        wait_until(lambda: tried(database, 1), "it is not tried")
        [delivery] = deliveries(database)
        assert (delivery.state, str(status) in delivery.error) == ("waiting", True)
        receiver.status = 200
        clock.advance(10)
        courier.wake()
        wait_until(lambda: states(database) == ["sent"], "it is not sent again")
    assert receiver.received == {str(delivery.id): 2}
    assert set(receiver.shown) == {str(delivery.id)}


def test_a_receiver_that_was_down_gets_it_later(
    database: Database, settings: Settings, start: Callable[[Server], Server]
) -> None:
    port = free_port()
    a_reachable_lawyer(database, settings, "webhook", f"http://127.0.0.1:{port}")
    a_consultation(database)
    with working(Courier(database, settings)) as courier:
        wait_until(lambda: tried(database, 1), "it is not tried")
        assert "连不上" in deliveries(database)[0].error
        receiver = Receiver(port)
        start(receiver)
        clock.advance(10)
        courier.wake()
        wait_until(lambda: states(database) == ["sent"], "it is not sent")
    assert len(receiver.shown) == 1


def test_what_never_gets_through_is_given_up_after_half_a_day_and_can_be_resent(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    lawyer = a_reachable_lawyer(database, settings, "webhook", receiver.url)
    receiver.status = 503
    consultation = a_consultation(database)
    began = clock.now()
    # The pauses are drawn at random; what is held here is when it is given up, not how.
    with working(Courier(database, settings, Circuits(failures=1000))) as courier:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            wait_until(lambda attempt=attempt: tried(database, attempt), "it is not tried")  # type: ignore[misc]
            [delivery] = deliveries(database)
            clock.advance(max(0.0, (delivery.due_at - clock.now()).total_seconds()))
            courier.wake()
        with database.read() as session:
            [dead] = dead_deliveries(session)
        assert (dead.lawyer, dead.consultation, dead.resendable) == (lawyer.name, consultation.number, True)
        assert dead.delivery.error == "对方出错（503）"
        assert timedelta(hours=2) < clock.now() - began < timedelta(hours=25)

        receiver.status = 200
        with database.write() as session:
            resend_delivery(session, dead.delivery.id, "staff:1")
        courier.wake()
        wait_until(lambda: states(database) == ["sent"], "it is not sent again")
    assert set(receiver.shown) == {str(dead.delivery.id)}
    with database.read() as session:
        verbs = session.execute(select(AuditRow.verb).where(AuditRow.subject == str(dead.delivery.id))).scalars().all()
        assert verbs == ["give_up_delivery", "resend_delivery"]
        assert dead_deliveries(session) == []
    with database.write() as session, pytest.raises(Conflict):
        resend_delivery(session, dead.delivery.id, "staff:1")
    with database.write() as session, pytest.raises(NotFound):
        resend_delivery(session, consultation.id, "staff:1")


def test_two_couriers_at_once_send_each_delivery_once(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    for _ in range(60):
        a_reachable_lawyer(database, settings, "webhook", receiver.url)
    a_consultation(database)
    with working(Courier(database, settings)), working(Courier(database, settings)):
        wait_until(lambda: set(states(database)) == {"sent"}, "not all are sent")
    assert len(receiver.shown) == 60
    assert set(receiver.received.values()) == {1}


def test_a_courier_killed_in_the_middle_loses_none(database: Database, settings: Settings, receiver: Receiver) -> None:
    for _ in range(20):
        a_reachable_lawyer(database, settings, "webhook", receiver.url)
    a_consultation(database)
    receiver.open.clear()
    url = database.engine.url.render_as_string(hide_password=False)
    script = (
        "import sys, threading\n"
        "from core.database import Database\n"
        "from core.settings import Settings\n"
        "from escalation.courier import Courier\n"
        "settings = Settings(home=sys.argv[2], webhook_private=True)\n"
        "Courier(Database(sys.argv[1]), settings).run(threading.Event())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, url, str(settings.home)], cwd=ROOT)
    wait_until(lambda: len(receiver.received) == 20, "it does not send")
    process.send_signal(signal.SIGKILL)
    process.wait()
    receiver.open.set()  # the receiver did take them, but nobody was there any more to hear it
    assert set(states(database)) == {"waiting"}
    with working(Courier(database, settings)) as courier:
        clock.advance(61)  # the dead one's lease
        courier.wake()
        wait_until(lambda: set(states(database)) == {"sent"}, "they are lost")
    assert set(receiver.shown) == {str(delivery.id) for delivery in deliveries(database)}
    assert set(receiver.received.values()) == {2}


def test_no_redirect_is_followed(database: Database, settings: Settings, start: Callable[[Server], Server]) -> None:
    here, there = Receiver(), Receiver()
    start(here), start(there)
    here.status, here.location = 307, there.url
    a_reachable_lawyer(database, settings, "webhook", here.url)
    a_consultation(database)
    with working(Courier(database, settings)):
        wait_until(lambda: tried(database, 1), "it is not tried")
    assert "不跟随" in deliveries(database)[0].error
    assert not there.raw


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "https://2130706433:{port}/",
        "https://[::ffff:127.0.0.1]:{port}/",
        "https://[64:ff9b::7f00:1]:{port}/",
        "https://10.0.0.1/",
        "ftp://127.0.0.1:{port}/",
        "https://user:password@127.0.0.1:{port}/",
        "not a url",
    ],
)
def test_our_own_network_is_out_of_reach_unless_it_is_allowed(
    database: Database, settings: Settings, receiver: Receiver, address: str
) -> None:
    a_reachable_lawyer(database, settings, "webhook", address.format(port=receiver.port))
    a_consultation(database)
    with working(Courier(database, settings.model_copy(update={"webhook_private": False}))):
        wait_until(lambda: states(database) == ["dead"], "it is not refused")
    assert not receiver.raw


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("address", ["http://169.254.169.254/latest/", "http://0.0.0.0/", "http://93.184.215.14/"])
def test_allowing_our_own_network_allows_no_more_than_that(
    database: Database, settings: Settings, address: str
) -> None:
    a_reachable_lawyer(database, settings, "webhook", address)
    a_consultation(database)
    with working(Courier(database, settings)):
        wait_until(lambda: states(database) == ["dead"], "it is not refused")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_receivers_certificate_is_checked(
    database: Database,
    settings: Settings,
    start: Callable[[Server], Server],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = a_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    receiver = Receiver(tls=tls)
    start(receiver)
    a_reachable_lawyer(database, settings, "webhook", receiver.url)
    a_consultation(database)
    with working(Courier(database, settings)):
        wait_until(lambda: tried(database, 1), "it is not tried")
    assert not receiver.raw
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with working(Courier(database, settings)) as courier:
        clock.advance(10)
        courier.wake()
        wait_until(lambda: states(database) == ["sent"], "it is not sent")
    assert len(receiver.shown) == 1


def test_a_push_whose_round_is_over_is_dropped_but_an_alarm_is_sent(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    lawyer = a_reachable_lawyer(database, settings, "webhook", receiver.url)
    consultation = a_consultation(database)
    an_alarm(database, the_round(database, consultation).id, lawyer)
    with database.write() as session:
        close_consultation(session, consultation.id)
    with working(Courier(database, settings)):
        wait_until(lambda: "waiting" not in states(database), "they are left lying")
    assert {delivery.kind: delivery.state for delivery in deliveries(database)} == {"push": "dropped", "alarm": "sent"}
    assert [payload["type"] for payload in receiver.shown.values()] == ["promise.broken"]


def test_a_failing_host_is_left_alone_while_others_are_served_and_tried_again_later(
    database: Database, settings: Settings, start: Callable[[Server], Server]
) -> None:
    failing, healthy = Receiver(), Receiver()
    start(failing), start(healthy)
    failing.status = 500
    for _ in range(3):
        a_reachable_lawyer(database, settings, "webhook", failing.url)
    a_consultation(database)
    with working(Courier(database, settings, Circuits(failures=3, rest_seconds=3))) as courier:
        wait_until(lambda: tried(database, 1), "they are not tried")
        a_reachable_lawyer(database, settings, "webhook", healthy.url)
        second = a_consultation(database)
        courier.wake()
        round_id = the_round(database, second).id

        def of_the_second() -> list[tuple[str, int, str]]:
            found = [each for each in deliveries(database) if each.round_id == round_id]
            return sorted((each.state, each.attempts, each.error[:5]) for each in found)

        as_expected = [("sent", 1, ""), *[("waiting", 0, "暂停发送：")] * 3]
        wait_until(
            lambda: of_the_second() == as_expected, "the failing host is not left alone, or the healthy one waits"
        )
        assert len(healthy.shown) == 1
        with database.read() as session:
            [figures] = delivery_figures(session)
        assert (figures.waiting, figures.sent) == (6, 1)
        assert "500" in figures.error
        failing.status = 200
        for _ in range(40):
            clock.advance(5)
            courier.wake()
            if set(states(database)) == {"sent"}:
                break
            threading.Event().wait(0.25)
        assert set(states(database)) == {"sent"}
    assert len(failing.shown) == 6


def test_an_open_circuit_lets_one_through_to_try() -> None:
    circuits = Circuits(failures=2, rest_seconds=0)
    for _ in range(2):
        with pytest.raises(DeliveryFailed), circuits.through("host"):
            raise DeliveryFailed("对方出错")
    with circuits.through("host"):
        with pytest.raises(PutOff), circuits.through("host"):
            pytest.fail("a second one is let through")
        with circuits.through("another host"):
            pass
    with circuits.through("host"), circuits.through("host"):
        pass


def test_a_wechat_message_says_what_the_template_asks_for(
    database: Database, settings: Settings, platform: WeChatPlatform
) -> None:
    a_reachable_lawyer(database, settings, "wechat", "openid-1")
    consultation = a_consultation(database)
    with working(Courier(database, on_wechat(settings, platform))):  # there is no Redis, which must not matter
        wait_until(lambda: states(database) == ["sent"], "it is not sent")
    [message] = platform.shown.values()
    round_ = the_round(database, consultation)
    assert message["touser"] == "openid-1"
    assert message["url"] == f"{settings.site_url}/desk/rounds/{round_.id}"
    deadline = clock.local(round_.started_at + timedelta(seconds=600))
    assert {name: field["value"] for name, field in message["data"].items()} == {
        "character_string1": consultation.number,
        "thing2": "内蒙古自治区乌兰察布市",
        "time3": f"{deadline:%Y-%m-%d %H:%M}",
        "thing4": "新的咨询等您解答",
    }


def test_the_access_token_is_asked_for_once_by_all_and_renewed_when_it_is_refused(
    database: Database, settings: Settings, platform: WeChatPlatform, redis: "Redis"
) -> None:
    settings = on_wechat(settings, platform)
    for number in range(10):
        a_reachable_lawyer(database, settings, "wechat", f"openid-{number}")
    a_consultation(database)
    with working(Courier(database, settings)) as courier, working(Courier(database, settings)):
        wait_until(lambda: set(states(database)) == {"sent"}, "they are not sent")
        assert platform.tokens_asked_for == 1
        platform.expire()
        a_consultation(database)
        courier.wake()
        wait_until(lambda: states(database) == ["sent"] * 20, "an expired token is not renewed")
    assert len(platform.shown) == 20
    assert {delivery.attempts for delivery in deliveries(database)} == {1}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_access_token_is_renewed_before_it_ends(
    database: Database, settings: Settings, platform: WeChatPlatform, redis: "Redis"
) -> None:
    platform.expires_in = 1
    a_reachable_lawyer(database, settings, "wechat", "openid-1")
    with working(Courier(database, on_wechat(settings, platform))) as courier:
        for number in (1, 2):
            a_consultation(database)
            courier.wake()
            wait_until(lambda number=number: states(database) == ["sent"] * number, "not sent")  # type: ignore[misc]
            threading.Event().wait(0.6)
    assert platform.tokens_asked_for == 2


@pytest.mark.parametrize(("errcode", "state"), [(43004, "dead"), (40003, "dead"), (43101, "dead"), (-1, "waiting")])
def test_what_a_lawyers_wechat_refuses_for_good_is_not_tried_again(
    database: Database, settings: Settings, platform: WeChatPlatform, errcode: int, state: str
) -> None:
    a_reachable_lawyer(database, settings, "wechat", "openid-1")
    platform.refuses["openid-1"] = errcode
    a_consultation(database)
    with working(Courier(database, on_wechat(settings, platform))):
        wait_until(lambda: tried(database, 1), "it is not tried")
    [delivery] = deliveries(database)
    assert delivery.state == state
    assert str(errcode) in delivery.error


def test_when_wechats_quota_is_used_up_all_wait_without_using_up_their_attempts(
    database: Database, settings: Settings, platform: WeChatPlatform
) -> None:
    for number in range(5):
        a_reachable_lawyer(database, settings, "wechat", f"openid-{number}")
    platform.trouble = 45009
    a_consultation(database)
    with working(Courier(database, on_wechat(settings, platform), Circuits(rest_seconds=0.5))) as courier:
        wait_until(lambda: all(each.error for each in deliveries(database)), "they are not put off")
        assert {each.attempts for each in deliveries(database)} == {0}
        platform.trouble = 0
        clock.advance(1)
        threading.Event().wait(0.5)
        courier.wake()
        wait_until(lambda: set(states(database)) == {"sent"}, "they do not go out afterwards")
    assert len(platform.shown) == 5


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sent_twice_by_wechat_it_is_shown_once(
    database: Database, settings: Settings, platform: WeChatPlatform
) -> None:
    a_reachable_lawyer(database, settings, "wechat", "openid-1")
    a_consultation(database)
    with working(Courier(database, on_wechat(settings, platform))) as courier:
        wait_until(lambda: states(database) == ["sent"], "it is not sent")
        with database.write() as session:  # as if the courier had died before it could record it
            session.get_one(Delivery, deliveries(database)[0].id).state = "waiting"
        clock.advance(61)
        courier.wake()
        wait_until(lambda: platform.sent == 2, "it is not sent again")
    assert len(platform.shown) == 1


def test_without_its_settings_wechat_waits_and_the_board_says_why(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    a_reachable_lawyer(database, settings, "wechat", "openid-1")
    a_reachable_lawyer(database, settings, "webhook", receiver.url)
    a_consultation(database)
    with working(Courier(database, settings)):
        wait_until(lambda: all(each.error or each.sent_at for each in deliveries(database)), "nothing is said")
    with database.read() as session:
        webhook, wechat = delivery_figures(session)
        oldest = session.execute(select(func.min(Delivery.created_at))).scalar_one()
    assert (webhook.medium, webhook.sent, webhook.waiting, webhook.oldest_waiting) == ("webhook", 1, 0, None)
    assert (wechat.medium, wechat.waiting, wechat.dead, wechat.oldest_waiting) == ("wechat", 1, 0, oldest)
    assert "还没有设置微信公众号" in wechat.error


def a_certificate(folder: Path) -> Path:
    """A self-signed one for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "receiver.pem"
    path.write_bytes(certificate + secret)
    return path
