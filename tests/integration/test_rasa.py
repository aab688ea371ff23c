"""Rasa as it runs in service: what reaches the action, who is let in, how it stops, and how well it understands."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from tests.integration.rasa_process import (
    MODELS,
    ROOT,
    ActionServer,
    RasaProcess,
    bot_python,
    running_action_server,
    running_rasa,
    train_model,
)

pytestmark = [
    pytest.mark.skipif(not bot_python().exists(), reason="Rasa's environment bot/.venv is not installed"),
    pytest.mark.timeout(600),
]


class EchoAction(Action):
    """Answers with what it was told, so that a test sees what an action sees."""

    def name(self) -> str:
        return "action_handle_intent"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        latest = tracker.latest_message
        if latest["text"] == '/rate{"level": 1}':
            raise RuntimeError("the action failed")
        dispatcher.utter_message(
            json_message={
                "intent": latest["intent"]["name"],
                "entities": {entity["entity"]: entity["value"] for entity in latest["entities"]},
                "metadata": latest["metadata"],
                "text": latest["text"],
            }
        )
        return []


@pytest.fixture(scope="session")
def model() -> Path:
    return train_model()


@pytest.fixture(scope="session")
def action_server() -> Iterator[ActionServer]:
    with running_action_server([EchoAction()]) as server:
        yield server


@pytest.fixture(scope="session")
def rasa(model: Path, action_server: ActionServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RasaProcess]:
    log = tmp_path_factory.mktemp("rasa") / "rasa.log"
    with running_rasa(model, action_server.url, log, action_token=action_server.token) as process:
        yield process


def test_the_intent_reaches_the_action_with_the_messages_metadata(rasa: RasaProcess) -> None:
    metadata = {"message_id": "0190-1", "deadline": "2026-11-22T04:00:00Z"}
    (reply,) = rasa.send("citizen-1", "老板拖欠工资怎么办", metadata)
    assert reply["recipient_id"] == "citizen-1"
    assert reply["custom"]["intent"] == "legal_question"
    assert reply["custom"]["metadata"] == metadata


def test_the_call_carries_the_tracker_as_rasa_sdk_expects(rasa: RasaProcess, action_server: ActionServer) -> None:
    rasa.send("citizen-2", "谢谢", {"message_id": "m"})
    call = next(call for call in reversed(action_server.calls) if call["sender_id"] == "citizen-2")
    latest = call["tracker"]["latest_message"]
    assert call["next_action"] == "action_handle_intent"
    assert latest["intent"]["name"] == "thanks"
    assert 0 < latest["intent"]["confidence"] <= 1
    assert latest["metadata"] == {"message_id": "m"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我在乌兰察布", "乌兰察布市"),
        ("我是察右前旗的", "察哈尔右翼前旗"),
        ("地区换成包头市", "包头市"),
        ("我在内蒙", "内蒙古自治区"),
    ],
)
def test_a_places_everyday_name_becomes_its_official_name(rasa: RasaProcess, text: str, name: str) -> None:
    (reply,) = rasa.send("citizen-4", text)
    assert (reply["custom"]["intent"], reply["custom"]["entities"]) == ("set_region", {"region": name})


@pytest.mark.parametrize("text", ["/restart", "/session_start", "/离婚怎么办", "/ 你好"])
def test_a_slash_in_a_citizens_text_commands_nothing(rasa: RasaProcess, text: str) -> None:
    (reply,) = rasa.send("citizen-5", text)
    assert reply["custom"]["text"] == "／" + text[1:]


@pytest.mark.parametrize("token", [None, "wrong", "-rasa-token-and-more"])
def test_without_the_right_token_nothing_is_said(rasa: RasaProcess, token: str | None) -> None:
    assert rasa.post("citizen-6", "你好", token=token).status_code == 401
    assert rasa.client.post("/model/parse", params={"token": token or ""}, json={"text": "你好"}).status_code == 401


def test_a_failing_action_costs_one_answer_and_not_the_conversation(rasa: RasaProcess) -> None:
    assert rasa.send("citizen-7", '/rate{"level": 1}') == []
    (reply,) = rasa.send("citizen-7", "谢谢")
    assert reply["custom"]["intent"] == "thanks"


def test_a_long_conversation_stays_bounded(rasa: RasaProcess, action_server: ActionServer) -> None:
    for number in range(60):
        (reply,) = rasa.send("citizen-8", "离婚怎么办手续", {"message_id": str(number)})
        assert reply["custom"]["metadata"] == {"message_id": str(number)}
    call = next(call for call in reversed(action_server.calls) if call["sender_id"] == "citizen-8")
    assert len(call["tracker"]["events"]) <= 130


def test_it_lives_on_while_redis_is_away(model: Path, action_server: ActionServer, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/redis.sock"
    log = tmp_path / "rasa.log"
    with running_rasa(model, action_server.url, log, action_token=action_server.token, redis_url=nowhere) as process:
        for _ in range(3):
            (reply,) = process.send("citizen-9", "你好")
            assert reply["custom"]["intent"] == "greet"
        assert log.read_text().count("Redis is away") == 1

        started = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - started < 8  # it does not wait for Redis
    assert "Traceback" not in log.read_text()


def test_training_again_without_a_change_takes_no_time(model: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [str(bot_python()), str(ROOT / "bot" / "train.py"), "--output", str(MODELS)], capture_output=True, text=True
    )
    assert Path(done.stdout.strip()) == model
    assert time.monotonic() - started < 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_it_does_not_outlive_its_parent(model: Path, tmp_path: Path) -> None:
    # A parent that starts Rasa, tells its process id, and dies at once.
    command = [str(bot_python()), str(ROOT / "bot" / "serve.py"), "--model", str(model), "--port", "1"]
    code = (
        "import subprocess, sys, json, time; "
        f"child = subprocess.Popen({json.dumps(command)}, stderr=subprocess.DEVNULL); "
        "print(child.pid, flush=True); time.sleep(2)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"WENFA_RASA_TOKEN": "t"}, timeout=60
    )
    child = Path("/proc") / parent.stdout.strip()
    deadline = time.monotonic() + 5
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _is_alive(child)


def _is_alive(process: Path) -> bool:
    try:
        return "\nState:\tZ" not in (process / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def held_out(name: str) -> list[tuple[str, str]]:
    """(text, intent) of the sentences the model was never trained on."""
    file = yaml.safe_load((ROOT / "tests" / "data" / name).read_text(encoding="utf-8"))
    return [
        (line.removeprefix("- ").strip(), block["intent"])
        for block in file["nlu"]
        for line in block["examples"].splitlines()
    ]


def test_the_held_out_sentences_are_not_in_the_training_data() -> None:
    trained: set[str] = set()
    for path in (ROOT / "bot" / "data" / "nlu").glob("*.yml"):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            lines = block["examples"].splitlines() if "intent" in block else []
            trained |= {re.sub(r"\[(.*?)\]\(.*?\)", r"\1", line.removeprefix("- ").strip()) for line in lines}
    assert not trained & {text for text, _ in held_out("nlu_test.yml")}


def test_it_understands_sentences_it_was_not_trained_on(rasa: RasaProcess) -> None:
    """Floors against regression; the figures are in bot/README.md. (Fallback counts as wrong.)"""
    accuracy, danger_recall = 0.85, 0.9
    examples = held_out("nlu_test.yml")
    assert len(examples) >= 600
    right = {True: 0, False: 0}
    danger: list[str] = []
    for text, intent in examples:
        guess = rasa.parse(text)["intent"]["name"]
        right[guess == intent] += 1
        if intent == "danger" and guess != "danger":
            danger.append(text)
    dangers = sum(intent == "danger" for _, intent in examples)
    assert right[True] / len(examples) >= accuracy
    assert 1 - len(danger) / dangers >= danger_recall, danger


@pytest.mark.parametrize(
    "command",
    [
        ("data", "validate", "--domain", "domain.yml", "--data", "bot/data", "--fail-on-warnings"),
        ("test", "core", "--stories", "tests/data/test_stories.yml", "--fail-on-prediction-errors"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_rasa_itself_finds_nothing_wrong(model: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    extra = ("--model", str(model), "--out", str(tmp_path)) if command[0] == "test" else ()
    environment = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "CUDA_VISIBLE_DEVICES": "-1"}
    found = subprocess.run(
        [bot_python(), "-m", "rasa", *command, *extra], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
