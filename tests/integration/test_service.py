"""The whole service in real processes: the walk of a question, and what happens when parts die in the middle of it."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from factories import wait_until
from people import Citizen, LawyerAtDesk
from running import Running, free_port, running
from sqlalchemy import func, select
from talk import Staff, hold, transcripts

from core.database import Database
from core.settings import ROOT
from escalation.models import Message
from tests.integration.rasa_process import train_model

pytestmark = [
    pytest.mark.skipif(not (ROOT / "bot" / ".venv").exists(), reason="no Rasa environment (make setup)"),
    pytest.mark.timeout(900),  # the first start imports, indexes and trains
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("service")
    # The model that other tests trained in this run: `wenfa up` finds nothing changed.
    models = home / "models" / "rasa"
    models.mkdir(parents=True)
    shutil.copy2(train_model(), models)
    with running(home) as found:
        yield found


@pytest.fixture
def citizen(service: Running) -> Citizen:
    return Citizen(service.client)


@pytest.fixture(scope="module")
def lawyers(service: Running) -> list[LawyerAtDesk]:
    password = service.demo_password()
    return [LawyerAtDesk(service.client, f"demo{number}", password) for number in (1, 2, 3)]


def test_everything_is_up_and_said_where(service: Running) -> None:
    assert set(service.children()) == {"redis", "rasa", "api", "dispatcher"}
    wait_until(lambda: "服务已就绪" in service.said(), "it does not say that it is ready")
    for path in ("/", "/desk", "/docs"):
        assert f"http://127.0.0.1:{service.port}{path}" in service.said()
        assert service.client.get(path).status_code == 200


def test_a_simple_question_is_answered_at_once_from_the_law(citizen: Citizen) -> None:
    [reply] = citizen.asks("劳动合同法第八十二条怎么说的")
    assert reply["kind"] == "answer"
    [first, *_] = reply["citations"]
    assert (first["law"], first["article"]) == ("中华人民共和国劳动合同法", "第八十二条")
    assert "二倍的工资" in first["text"]
    assert first["status"] == "现行有效"
    assert citizen.client.get(first["url"]).status_code == 200
    assert citizen.reads()["messages"][1]["citations"] == reply["citations"]


@pytest.fixture(scope="module")
def staff(service: Running) -> Iterator[Staff]:
    database = Database(f"sqlite:///{service.home / 'wenfa.db'}")
    yield Staff(service.client, database)
    database.dispose()


@pytest.mark.parametrize("transcript", transcripts(), ids=lambda each: each["name"])
def test_a_conversation_ends_where_the_citizen_wanted(
    service: Running, staff: Staff, lawyers: list[LawyerAtDesk], transcript: dict[str, Any]
) -> None:
    hold(transcript, Citizen(service.client, transcript["region"]), staff, lawyers, plain=False)


def test_the_readmes_walk_works_when_pasted(service: Running) -> None:
    """Every command of the section, against this service: what follows is fed from what came before."""
    section = (ROOT / "README.md").read_text("utf-8").split("## 用接口走一遍")[1].split("```")[1].removeprefix("bash\n")
    commands = [each for each in section.replace("\\\n", " ").splitlines() if each.startswith("curl")]
    environment = {"BASE": f"http://127.0.0.1:{service.port}", "no_proxy": "127.0.0.1", "PATH": os.environ["PATH"]}
    for command in commands:
        limited = command.replace("curl -sN", "curl -sN --max-time 2")
        found = subprocess.run(["bash", "-c", limited], env=environment, capture_output=True, text=True, check=False)
        if "-sN" in command:
            assert "event: message" in found.stdout, command
            continue
        answer = json.loads(found.stdout)
        assert "title" not in answer, (command, answer)
        if "token" in answer:
            environment |= {"ID": answer["conversation_id"], "TOKEN": answer["token"]}
    assert len(commands) == 6


def test_rasa_tells_a_service_from_a_question(citizen: Citizen) -> None:
    [reply] = citizen.asks("俺想申请个法律援助 咋整")
    assert reply["kind"] == "menu"
    assert "法律援助" in reply["text"]


def test_a_hard_question_goes_all_the_way(service: Running, citizen: Citizen, lawyers: list[LawyerAtDesk]) -> None:
    heard: list[str] = []

    def follow() -> None:
        url = f"/v1/conversations/{citizen.id}/events"
        with (
            httpx.Client(base_url=str(service.client.base_url), trust_env=False, timeout=20) as client,
            client.stream("GET", url, headers=citizen.headers) as stream,
        ):
            for line in stream.iter_lines():
                heard.append(line)
                if sum("lawyer_answer" in each for each in heard) == 3:
                    return

    follower = threading.Thread(target=follow)
    follower.start()
    [reply] = citizen.asks("老板欠我三个月工资一万八，我有微信聊天记录，我该怎么起诉他")
    assert reply["kind"] == "handoff"
    assert "3 位" in reply["text"]
    for lawyer in lawyers:
        [round_id] = [each["id"] for each in lawyer.waiting() if "一万八" in each["question"]]
        assert lawyer.claims(round_id).status_code == 200
        answered = lawyer.answers(round_id, "可以先申请劳动仲裁。", citations=["《劳动争议调解仲裁法》第二条"])
        assert answered.status_code == 201, answered.text
    follower.join(20)
    assert sum("lawyer_answer" in each for each in heard) == 3
    assert citizen.reads()["consultation"]["state"] == "answered"
    [sent] = citizen.asks("给第二位律师：仲裁要交钱吗")
    assert sent["kind"] == "handoff"
    [mine] = [each for each in lawyers[1].waiting() if each["addressed_to_me"]]
    lawyers[1].answers(mine["id"], "不收费。")
    [closing] = citizen.asks("满意")
    citizen.asks(closing["choices"][0]["payload"])
    assert citizen.reads()["consultation"]["rated"]


def test_rasa_frozen_or_dead_the_citizen_is_answered_all_the_same(service: Running, citizen: Citizen) -> None:
    rasa = service.children()["rasa"]
    servers = rasa.children()
    assert servers
    for server in servers:
        server.suspend()
    try:
        started = time.monotonic()
        [reply] = citizen.asks("劳动合同法第八十二条")
        assert reply["kind"] == "answer"
        assert time.monotonic() - started < 15  # it was not waited for until it thawed
    finally:
        for server in servers:
            server.resume()
    service.kill("rasa")
    [reply] = citizen.asks("劳动合同法第十九条")
    assert reply["kind"] == "answer"
    said = str(citizen.reads())
    assert "Rasa" not in said
    assert "模型" not in said
    wait_until(lambda: "rasa" in service.children(), "Rasa was not started again")
    assert service.children()["rasa"].pid != rasa.pid
    service.wait()


def test_redis_dead_messages_are_stored_and_live_updates_resume(
    service: Running, citizen: Citizen, lawyers: list[LawyerAtDesk]
) -> None:
    service.kill("redis")
    [reply] = citizen.asks("邻居往我家院子倒垃圾，我录了像，我能告他赔多少钱")
    assert reply["kind"] == "handoff"
    round_id = next(each["id"] for each in lawyers[0].waiting() if "倒垃圾" in each["question"])
    assert lawyers[0].answers(round_id, "先找村委会。").status_code == 201
    assert [each["kind"] for each in citizen.reads()["messages"]][-1] == "lawyer_answer"
    service.wait()
    url = f"/v1/conversations/{citizen.id}/events"
    with service.client.stream("GET", url, headers={**citizen.headers, "Last-Event-ID": "2"}) as stream:
        lines = stream.iter_lines()
        assert any("lawyer_answer" in line for line in lines)
        lawyers[1].answers(round_id, "保留录像。")
        assert any("保留录像" in line for line in (part.encode().decode("unicode_escape") for part in lines))


@pytest.mark.parametrize("victim", ["api", "dispatcher", "redis", "rasa"])
def test_nothing_accepted_is_lost_when_a_process_is_killed(service: Running, victim: str) -> None:
    """Citizens write while a process is killed. Whatever was accepted is stored once and answered once."""
    citizens = [Citizen(service.client) for _ in range(4)]
    accepted: list[str] = []
    stop = threading.Event()

    def write(citizen: Citizen) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{citizen.id}-{number}"
            try:
                if citizen.says(f"第{number}次来问 你好", client_message_id=name).status_code == 200:
                    accepted.append(name)
            except httpx.HTTPError:
                time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(write, citizen) for citizen in citizens]
        time.sleep(1.0)
        service.kill(victim)
        time.sleep(3.0)
        stop.set()
        for each in work:
            each.result()
    service.wait()
    assert len(accepted) > 8
    database = Database(f"sqlite:///{service.home / 'wenfa.db'}")

    def unanswered() -> int:
        with database.read() as session:
            statement = select(func.count()).where(Message.author == "citizen", Message.handled_at.is_(None))
            return int(session.execute(statement).scalar_one())

    deadline = time.monotonic() + 60  # what was cut off is taken up again
    while unanswered() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert unanswered() == 0
    with database.read() as session:
        stored = session.execute(
            select(Message.client_message_id).where(Message.client_message_id.in_(accepted))
        ).scalars()
        assert sorted(stored) == sorted(accepted)
        for citizen in citizens:
            told = citizen.reads()["messages"]
            assert [each["seq"] for each in told] == list(range(1, len(told) + 1))
    database.dispose()


def test_two_services_do_not_share_a_home(service: Running) -> None:
    assert "已有一个服务在运行" in service.refused(WENFA_PORT=str(free_port()))


def test_a_taken_port_is_a_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "WENFA_PORT" in Running(tmp_path).refused(WENFA_PORT=str(taken.getsockname()[1]))


def test_a_wrong_setting_is_a_clear_message(tmp_path: Path) -> None:
    said = Running(tmp_path).refused(WENFA_POLICY_SECONDS="9,6,3", WENFA_PORT="many")
    assert "WENFA_POLICY_SECONDS" in said
    assert "WENFA_PORT" in said


def test_ctrl_c_stops_everything_cleanly_and_it_starts_again(service: Running) -> None:
    children = list(service.children().values())
    citizen = Citizen(service.client)
    with service.client.stream("GET", f"/v1/conversations/{citizen.id}/events", headers=citizen.headers) as stream:
        assert service.stop() == 0
        list(stream.iter_lines())  # an open page's stream was ended, not cut: that would raise
    assert not [each for each in children if psutil.pid_exists(each.pid) and each.status() != "zombie"]
    assert "Traceback" not in service.said()
    service.start()
    service.wait()
    # And if even the manager is killed, nothing is left behind.
    children = list(service.children().values())
    service.process.kill()
    service.process.wait()
    _gone, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
