"""Rasa looked after: a new model takes over under load, a bad one does not, and several processes share the conversations."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
from fastapi import FastAPI
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from structlog.testing import capture_logs

from api.conversations.nlu import Rasa, RasaUnavailable
from core.ids import new_id
from core.security import derive_token
from core.settings import Settings
from tests.integration.rasa_process import ROOT, bot_python, free_port, running_action_server, serving, train_model
from wenfa.rasa import misfit


class SayNotice(Action):
    """Answers as our own action does: with replies."""

    def name(self) -> str:
        return "action_handle_intent"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        dispatcher.utter_message(json_message={"kind": "notice", "text": tracker.latest_message["intent"]["name"]})
        return []


def in_a_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, in a thread of its own: Playwright leaves a loop running in the main one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


@contextmanager
def looked_after(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`wenfa rasa` over the home folder of these settings."""
    environment = os.environ | {
        "WENFA_HOME": str(settings.home_dir),
        "WENFA_PORT": str(settings.port),
        "WENFA_RASA_PORT": str(settings.rasa_port),
        "WENFA_REDIS_URL": settings.redis_url,
        "WENFA_SECRET_KEY": settings.secret_key,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "wenfa", "rasa"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


async def model_in_service(rasa: httpx.AsyncClient, settings: Settings) -> str | None:
    try:
        headers = {"Authorization": f"Bearer {derive_token(settings, 'rasa')}"}
        found = await rasa.get(f"{settings.nlu_urls[0]}/webhooks/rest/model", headers=headers, timeout=2)
        return str(found.json()["model"])
    except httpx.HTTPError:
        return None


async def until_served(rasa: httpx.AsyncClient, settings: Settings, name: str, within_s: float = 120) -> None:
    ends = time.monotonic() + within_s
    while await model_in_service(rasa, settings) != name:
        assert time.monotonic() < ends, f"{name} was never served"
        await asyncio.sleep(0.3)


def servers(parent: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(parent.pid).children()


@pytest.mark.skipif(not bot_python().exists(), reason="Rasa's environment bot/.venv is not installed")
@pytest.mark.timeout(900)
def test_a_new_model_takes_over_without_a_lost_message(tmp_path: Path) -> None:
    in_a_loop(take_over(tmp_path))


async def take_over(tmp_path: Path) -> None:
    trained = train_model()
    settings = Settings(
        home=tmp_path / "home",
        port=free_port(),
        rasa_port=free_port(),
        redis_url="unix:///nowhere/redis.sock",
        secret_key="k" * 40,
    )
    models = settings.home_dir / "models" / "rasa"
    models.mkdir(parents=True)
    log = tmp_path / "rasa.log"
    token = derive_token(settings, "rasa actions")
    answered: Counter[str] = Counter()
    lost: list[str] = []
    stop = asyncio.Event()

    async def talk(rasa: Rasa) -> None:
        conversation = new_id()
        while not stop.is_set():
            try:
                (reply,) = await rasa.replies(conversation, new_id(), "谢谢")
                answered[reply.text] += 1
            except RasaUnavailable as error:
                lost.append(repr(error))
            await asyncio.sleep(0.1)

    with running_action_server([SayNotice()], token, settings.port), looked_after(settings, log) as parent:
        async with httpx.AsyncClient(trust_env=False) as http:
            # It waits for a first model, which lands whole.
            await asyncio.sleep(2)
            assert parent.poll() is None
            place(trained, models / "first.tar.gz")
            await until_served(http, settings, "first.tar.gz")

            rasa = Rasa(settings, http)
            talking = [asyncio.create_task(talk(rasa)) for _ in range(4)]
            place(trained, models / "second.tar.gz")
            await until_served(http, settings, "second.tar.gz")
            ends = time.monotonic() + 15  # the first answers what it has taken, and goes
            while len(servers(parent)) > 1:
                assert time.monotonic() < ends
                await asyncio.sleep(0.2)

            # Neither of these may take over, whatever is wrong with it.
            (models / "broken.tar.gz").write_bytes(b"not a model")
            await asyncio.sleep(3)
            assert await model_in_service(http, settings) == "second.tar.gz"

            stop.set()
            await asyncio.gather(*talking)
            assert not lost
            assert answered.keys() == {"thanks"}
            assert answered["thanks"] > 50

            # Killed, it is for whoever started us to start it anew.
            servers(parent)[0].kill()
            assert parent.wait(10) != 0
    assert "读不出模型文件 broken.tar.gz" in log.read_text()


def place(model: Path, path: Path) -> None:
    """As training does: whole, by a rename."""
    unfinished = path.with_suffix(".unfinished")
    shutil.copyfile(model, unfinished)
    unfinished.rename(path)


def test_a_model_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.tar.gz"
    (tmp_path / "metadata.json").write_text('{"domain": {"intents": ["greet", {"flirt": {"use_entities": []}}]}}')
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "metadata.json", "metadata.json")
    why = misfit(path)
    assert why is not None
    assert "flirt" in why
    assert "legal_question" in why
    assert "greet" not in why


@contextmanager
def stand_in(port: int, seen: Counter[str], intents: list[str]) -> Iterator[None]:
    """Another Rasa, as far as the api sees it: the two doors of bot/channel.py."""
    app = FastAPI()

    @app.post("/webhooks/rest/webhook")
    async def webhook(message: dict[str, Any]) -> list[dict[str, Any]]:
        seen[message["sender"]] += 1
        return [{"recipient_id": message["sender"], "custom": {"kind": "notice", "text": "好"}}]

    @app.get("/webhooks/rest/model")
    async def model() -> dict[str, Any]:
        return {"model": "another.tar.gz", "intents": intents}

    with serving(app, port):
        yield


def test_a_conversation_keeps_to_one_process_and_moves_on_when_that_dies(tmp_path: Path) -> None:
    in_a_loop(share(tmp_path))


async def share(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    settings = Settings(home=tmp_path, rasa_url=", ".join(f"http://127.0.0.1:{port}/" for port in ports))
    seen: list[Counter[str]] = [Counter(), Counter()]
    people = [new_id() for _ in range(40)]
    async with httpx.AsyncClient(trust_env=False) as http:
        with stand_in(ports[0], seen[0], []), stand_in(ports[1], seen[1], []):
            rasa = Rasa(settings, http)
            for _ in range(3):
                await asyncio.gather(*(rasa.replies(person, new_id(), "你好") for person in people))
            assert not seen[0].keys() & seen[1].keys()
            assert set((seen[0] + seen[1]).values()) == {3}
            assert min(len(seen[0]), len(seen[1])) >= 8  # of 40: both have their share
        with stand_in(ports[0], seen[0], []):
            for person in people:  # the second is gone: nobody is left without an answer
                await rasa.replies(person, new_id(), "你好")
        moved = [person for person in people if str(person) in seen[1]]
        assert moved
        assert all(seen[0][str(person)] == 1 for person in moved)
        with pytest.raises(RasaUnavailable):
            await rasa.replies(UUID(int=1), new_id(), "你好")


def test_a_model_that_knows_other_intents_is_reported(tmp_path: Path) -> None:
    with capture_logs() as logged:
        in_a_loop(follow(tmp_path))
    (record,) = [each for each in logged if each["log_level"] == "error"]
    assert record["unknown"] == ["flirt"]
    assert "legal_question" in record["missing"]


async def follow(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(home=tmp_path, rasa_url=f"http://127.0.0.1:{port}")
    with stand_in(port, Counter(), ["greet", "flirt"]):
        async with httpx.AsyncClient(trust_env=False) as http:
            following = asyncio.create_task(Rasa(settings, http).follow_models())
            await asyncio.sleep(1)
            following.cancel()
