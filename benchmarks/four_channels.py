"""The four channels at once, over a bad line, with the api killed half way: what came in, what is stored, answered, delivered.

    .venv/bin/python benchmarks/four_channels.py                 # five minutes at 20 messages a second
    .venv/bin/python benchmarks/four_channels.py --seconds 30    # a short one

Starts a service of its own (`wenfa up`) over a home folder of its own, with a hotline's gateway and WeChat's platform as
stand-ins that keep their own rules: the gateway checks signatures, WeChat signs, encrypts, tries again after five seconds and
grants five messages to each of a citizen's. Of all requests 2 % come twice, 1 % are lost (half on their way, half with the
answer, after which the sender tries again) and 5 % are late. Three lawyers answer what they find at their desks.
Messages are sent at their time whether or not earlier ones have come back.
"""

import argparse
import json
import random
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import func, select

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # not this folder: its escalation.py would stand for the package
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from outside import HotlineGateway, WeChat  # noqa: E402
from people import PASSWORD, LawyerAtDesk  # noqa: E402
from running import Running  # noqa: E402

from channels.devices import register_device  # noqa: E402
from channels.hotline.gateways import register_gateway  # noqa: E402
from channels.models import Caller, MessageDelivery  # noqa: E402
from core.clock import now  # noqa: E402
from core.database import Database  # noqa: E402
from core.security import Vault  # noqa: E402
from core.settings import Settings  # noqa: E402
from escalation.lawyers import register_lawyer  # noqa: E402
from escalation.models import Answer, Conversation, Message  # noqa: E402
from escalation.staff import create_staff  # noqa: E402

CHANNELS = ("hotline", "wechat", "kiosk", "web")
REGION = "150900"
TWICE, LOST, LATE = 0.02, 0.01, 0.05
QUESTIONS = (
    "没签劳动合同能要双倍工资吗",
    "试用期最长多久",
    "房东不退押金怎么办",
    "你好",
    "我想申请法律援助",
    "借钱不还，只有微信聊天记录",
    "离婚后孩子归谁",
    "买到假货怎么赔",
    "取消",
    "谢谢",
)
console = Console()


@dataclass
class Sent:
    """What became of the messages of one channel, as their senders saw it."""

    messages: int = 0
    requests: int = 0
    taken: int = 0
    """Acknowledged by the service."""
    given_up: int = 0
    ms: list[float] = field(default_factory=list)
    """To the first words of an answer, of messages sent while nothing had been killed."""
    ms_of_all: list[float] = field(default_factory=list)


class Run:
    def __init__(self, home: Path, people: int) -> None:
        self.people = people
        self.name = f"b{secrets.token_hex(3)}"
        """Of what this run adds to a record that may hold earlier ones."""
        self.first_id = secrets.randbelow(10**9) * 10**7
        self.gateway, self.wechat = HotlineGateway(), WeChat(safe=True)
        self.service = Running(
            home,
            WENFA_MESSAGES_PER_MINUTE="0",
            WENFA_DEFAULT_REGION=REGION,
            WENFA_WECHAT_TOKEN=WeChat.TOKEN,
            WENFA_WECHAT_AES_KEY=WeChat.AES_KEY,
            WENFA_WECHAT_APP_ID=WeChat.APP_ID,
            WENFA_WECHAT_APP_SECRET=WeChat.APP_SECRET,
            WENFA_WECHAT_API_BASE=self.wechat.url,
        )
        self.settings = Settings(home=home)
        self.sent = {channel: Sent() for channel in CHANNELS}
        self.lock = threading.Lock()
        self.killed_at: float | None = None
        self.recovered_at: float | None = None
        self.over = threading.Event()
        url = f"http://127.0.0.1:{self.service.port}"
        limits = httpx.Limits(max_connections=300, max_keepalive_connections=100)
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=30, limits=limits)
        self.platform = httpx.Client(base_url=url, trust_env=False, timeout=5, limits=limits)

    # ---- setting up ----

    def prepare(self) -> None:
        database = Database(self.settings.sql_url)
        vault = Vault(self.settings)
        with database.write() as session:
            key = register_gateway(session, self.name, REGION, f"{self.gateway.url}/callback", vault, "benchmark")
            code = register_device(session, self.name, REGION, "", vault, "benchmark")
            for number in range(3):
                lawyer = register_lawyer(
                    session,
                    name=f"律师{number}",
                    licence=f"{self.name}{number}",
                    region=REGION,
                    tier="city",
                    firm="某所",
                )
                create_staff(
                    session,
                    login=f"{self.name}{number}",
                    name=lawyer.name,
                    password=PASSWORD,
                    role="lawyer",
                    lawyer=lawyer,
                )
        database.dispose()
        self.gateway.keys[key.id] = key.secret
        enrolled = self.client.post("/v1/channels/kiosk/devices", json={"code": code}).json()
        device = {"Authorization": f"Bearer {enrolled['device_id']}.{enrolled['token']}"}
        self.kiosk = [
            self.client.post("/v1/channels/kiosk/sessions", headers=device).json() for _ in range(self.people)
        ]
        begin = {"channel": "web", "region": REGION}
        self.web = [self.client.post("/v1/conversations", json=begin).json() for _ in range(self.people)]

    # ---- one message ----

    def say(self, channel: str, number: int, text: str) -> None:
        """One message of one person, until the service has acknowledged it, as such a sender goes about it."""
        person = number // len(CHANNELS) % self.people
        send: Callable[[], Any] = {
            "hotline": lambda: self._hotline(person, text, number),
            "wechat": lambda: self._wechat(person, text, number),
            "kiosk": lambda: self._own(self.kiosk[person], text, number),
            "web": lambda: self._own(self.web[person], text, number),
        }[channel]
        sent, chance = self.sent[channel], random.Random(number)
        pause, attempts = (5.0, 3) if channel == "wechat" else (1.0, 60)
        begun, in_peace = time.perf_counter(), self.killed_at is None or self.recovered_at is not None
        if chance.random() < LATE:
            time.sleep(chance.random())
        for _ in range(attempts):
            with self.lock:
                sent.requests += 1
            lost = chance.random() < LOST
            before = chance.random() < 0.5
            if not (lost and before):
                with suppress(httpx.HTTPError, AssertionError):
                    found = send()
                    if not lost:
                        break
            time.sleep(pause)
        else:
            with self.lock:
                sent.given_up += 1
            return
        if channel == "hotline":
            self._await_callback(str(found))
        took = (time.perf_counter() - begun) * 1e3
        with self.lock:
            sent.taken += 1
            sent.ms_of_all.append(took)
            if in_peace and (self.killed_at is None or self.recovered_at is not None):
                sent.ms.append(took)
        if chance.random() < TWICE:
            time.sleep(chance.random())
            with self.lock:
                sent.requests += 1
            with suppress(httpx.HTTPError, AssertionError):
                send()

    def _hotline(self, person: int, text: str, number: int) -> str:
        found = self.gateway.post(self.client, f"138{person:08}", text, f"m{number}")
        assert found.status_code in (200, 202), found.text
        return str(found.json()["message_id"])

    def _await_callback(self, message_id: str) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with self.gateway.lock:
                if message_id in self.gateway.answered:
                    return
            time.sleep(0.005)

    def _wechat(self, person: int, text: str, number: int) -> str:
        return self.wechat.says(self.platform, f"{self.name}{person:08}", text, self.first_id + number)

    def _own(self, begun: dict[str, str], text: str, number: int) -> str:
        found = self.client.post(
            f"/v1/conversations/{begun['conversation_id']}/messages",
            json={"text": text, "client_message_id": f"m{number}"},
            headers={"Authorization": f"Bearer {begun['token']}"},
        )
        assert found.status_code == 200, found.text
        return str(found.json()["message_id"])

    # ---- lawyers ----

    def lawyer(self, number: int) -> None:
        client = httpx.Client(base_url=self.client.base_url, trust_env=False, timeout=30)
        lawyer = LawyerAtDesk(client, f"{self.name}{number}")
        while not self.over.wait(2):
            with suppress(httpx.HTTPError, AssertionError):
                for each in lawyer.waiting()[:1]:
                    if not each["answered_by_me"]:
                        lawyer.answers(each["id"], "按照规定，您可以要求对方履行。请保留好证据。")
        client.close()

    # ---- all of it ----

    def drive(self, rate: float, seconds: float, kill: bool) -> None:
        texts = cycle(QUESTIONS)
        total = int(rate * seconds)
        lawyers = [threading.Thread(target=self.lawyer, args=[number]) for number in range(3)]
        for each in lawyers:
            each.start()
        with ThreadPoolExecutor(256) as pool, Progress(console=console) as bar:
            task = bar.add_task("消息", total=total)
            for number in range(len(CHANNELS) * 2):  # warm, and not counted
                self.say(CHANNELS[number % len(CHANNELS)], 10**6 + number, "你好")
            time.sleep(1)
            self.sent = {channel: Sent() for channel in CHANNELS}
            self.begun_at = now()
            before = self._cpu()
            begun = time.perf_counter()
            for number in range(total):
                time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                channel = CHANNELS[number % len(CHANNELS)]
                self.sent[channel].messages += 1
                pool.submit(
                    self.say, channel, number, next(texts) if channel == CHANNELS[0] else QUESTIONS[number // 7 % 10]
                )
                bar.update(task, advance=1)
                if kill and number == total // 2:
                    self.killed_at = time.monotonic()
                    self.service.kill("api")
                    threading.Thread(target=self._watch).start()
        self.cpu = {name: round(seconds - before[name], 1) for name, seconds in self._cpu().items() if name in before}
        self.over.set()
        for each in lawyers:
            each.join()

    def _cpu(self) -> dict[str, float]:
        """Seconds of each process so far; of the api only while it was not killed."""
        found = {"senders and stand-ins": time.process_time()}
        for name, process in self.service.children().items():
            for each in (process, *process.children()):
                times = each.cpu_times()
                found[name] = found.get(name, 0.0) + times.user + times.system
        return found

    def _watch(self) -> None:
        assert self.killed_at is not None
        time.sleep(0.5)
        self.service.wait()
        time.sleep(2)
        self.recovered_at = time.monotonic()

    def settle(self, seconds: float = 120) -> float:
        """Until nothing is left to be answered or carried; gives the seconds that took."""
        begun = time.monotonic()
        database = Database(self.settings.sql_url)
        while time.monotonic() - begun < seconds:
            with database.read() as session:
                open_ = session.execute(
                    select(func.count())
                    .select_from(Message)
                    .where(Message.author == "citizen", Message.handled_at.is_(None))
                ).scalar_one()
                due = session.execute(
                    select(func.count()).select_from(Conversation).where(Conversation.outgoing_at.is_not(None))
                ).scalar_one()
            if not open_ and not due:
                break
            time.sleep(0.5)
        database.dispose()
        return time.monotonic() - begun

    def count(self) -> dict[str, Any]:
        """From the record, and from what the stand-ins were shown."""
        database = Database(self.settings.sql_url)
        result: dict[str, Any] = {}
        with database.read() as session:
            for channel in CHANNELS:
                of_channel = select(Conversation.id).where(Conversation.channel == channel)
                messages = (
                    session.execute(select(Message).where(Message.conversation_id.in_(of_channel))).scalars().all()
                )
                counted = [each for each in messages if each.author == "citizen" and each.created_at >= self.begun_at]
                answered = {each.in_reply_to for each in messages if each.in_reply_to}
                sent = self.sent[channel]
                figures = {
                    "messages": sent.messages, "requests": sent.requests, "taken": sent.taken, "given_up": sent.given_up,
                    "stored": len(counted), "stored_twice": len(counted) - len({each.client_message_id for each in counted}),
                    "answered": sum(each.id in answered for each in counted),
                    **_quantiles(sent.ms, ""), **_quantiles(sent.ms_of_all, "_all"),
                }  # fmt: skip
                if channel in ("hotline", "wechat"):
                    figures |= self._delivered(
                        session, channel, [each for each in messages if each.author != "citizen"]
                    )
                result[channel] = figures
            result["lawyers_answers"] = session.execute(select(func.count()).select_from(Answer)).scalar_one()
        database.dispose()
        result["wechat_quota"] = {
            "customer_messages": sum(map(len, self.wechat.texts.values())),
            "refused": len(self.wechat.refused),
            "after_one_message": dict(sorted(Counter(self.wechat.used).items())),
        }
        result["gateway"] = {
            "segments": len(self.gateway.shown),
            "shown_again": self.gateway.taken - len(self.gateway.shown),
        }
        result["cpu_s"] = self.cpu
        if self.killed_at and self.recovered_at:
            result["away_s"] = round(self.recovered_at - self.killed_at - 2, 1)
        return result

    def _delivered(self, session: Any, channel: str, said: list[Message]) -> dict[str, Any]:
        states: Counter[str] = Counter()
        rows = {each.message_id: each.state for each in session.execute(select(MessageDelivery)).scalars()}
        callers = {each.conversation_id: each for each in session.execute(select(Caller)).scalars()}
        shown: defaultdict[UUID, int] = defaultdict(int)
        for piece in self.gateway.shown.values():
            shown[UUID(piece["id"].rpartition("-")[0])] += 1
        for message in said:
            state = rows.get(message.id) or (
                "waiting" if message.seq > callers[message.conversation_id].sent_seq else "?"
            )
            states[state] += 1
            if channel == "hotline" and state == "sent" and not shown[message.id]:
                states["sent, but not shown"] += 1
        return {"said": len(said), "deliveries": dict(states)}


def _quantiles(ms: list[float], suffix: str) -> dict[str, float]:
    if len(ms) < 2:
        return {}
    cuts = statistics.quantiles(ms, n=100)
    return {f"ms_p50{suffix}": round(cuts[49], 1), f"ms_p95{suffix}": round(cuts[94], 1)}


def show(result: dict[str, Any]) -> None:
    table = Table("", *CHANNELS)
    for name in dict.fromkeys(key for channel in CHANNELS for key in result[channel]):
        table.add_row(name, *(str(result[channel].get(name, "")) for channel in CHANNELS))
    console.print(table)
    for name, value in result.items():
        if name not in CHANNELS:
            console.print(f"{name}: {value}", markup=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=20, help="messages a second, of all channels")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--people", type=int, default=40, help="of each channel")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--home", type=Path, help="a prepared home folder, whose record is added to")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        run = Run(arguments.home or Path(temporary), arguments.people)
        with run.gateway.serving(), run.wechat.serving():
            run.service.start()
            try:
                with console.status("服务在启动"):
                    run.service.wait(1200)
                run.prepare()
                run.drive(arguments.rate, arguments.seconds, not arguments.no_kill)
                settled = run.settle()
                result = {**run.count(), "settled_s": round(settled, 1)}
            finally:
                run.service.process.terminate()
                run.service.process.wait(30)
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
