"""Run Rasa behind its wall: `python bot/serve.py --model FILE --port N [--ready-fd FD]`, with the Python of bot/.venv.

Listens on 127.0.0.1 only, stops when its parent does, and patches two slow places of Rasa 3.6.21. A second one may listen
at the same port, so that a newer model takes over without a gap; a line on FD says when this one does.

Environment: WENFA_RASA_TOKEN (asked for at every door), WENFA_ACTION_URL, WENFA_ACTION_TOKEN (sent with every action
call as a bearer token), WENFA_TRACKER_REDIS_URL (empty: trackers in memory), LOG_LEVEL (default WARNING).
"""

import argparse
import ctypes
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATCHED_VERSION = "3.6.21"
ACTION_TIMEOUT_S = 2.5  # the api gives up on Rasa after 3 s; Rasa's own default is five minutes

logger = logging.getLogger("bot.serve")


def main() -> int:
    parser = argparse.ArgumentParser(description="运行对话服务，只在本机")
    parser.add_argument("--model", type=Path, required=True, metavar="FILE")
    parser.add_argument("--port", type=int, default=5005)
    parser.add_argument("--ready-fd", type=int, metavar="FD")
    options = parser.parse_args()
    token = os.environ.get("WENFA_RASA_TOKEN", "")
    model: Path = options.model.resolve()
    if not token:
        return _refuse("没有设置 WENFA_RASA_TOKEN，不启动")
    if not model.is_file():
        return _refuse(f"找不到模型文件 {model.name}，请先训练：python bot/train.py --output DIR")

    die_with_parent()
    prepare_environment()
    sys.path[0] = str(ROOT)  # so that `bot.channel` is found, and bot/ itself is no import path
    patch_rasa()
    share_the_port(options.ready_fd)

    import rasa.__main__

    # In sys.argv only, not on the process's command line, where anybody on the machine could read the token.
    sys.argv = [
        "rasa",
        "run",
        "--enable-api",
        f"--auth-token={token}",  # one word: a token that begins with "-" would be read as an option
        *("-i", "127.0.0.1"),
        *("--port", str(options.port)),
        *("--model", str(model)),
        *("--endpoints", str(ROOT / "endpoints.yml")),
        *("--credentials", str(ROOT / "credentials.yml")),
    ]
    rasa.__main__.main()
    return 0


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies (Linux; nothing elsewhere).

    "The parent" is the thread that started us: start this process from one that lives on.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(0)


def prepare_environment() -> None:
    """Set what Rasa and its libraries read from the environment. What the operator has set stays."""
    defaults = {
        "LOG_LEVEL": "WARNING",
        "LOG_LEVEL_LIBRARIES": "ERROR",
        "WENFA_ACTION_URL": "http://127.0.0.1:8000/internal/rasa/actions",
        "WENFA_ACTION_TOKEN": "",
        "WENFA_TRACKER_REDIS_URL": "",
        "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "wenfa-matplotlib"),
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    os.environ.update(
        RASA_TELEMETRY_ENABLED="false",
        SQLALCHEMY_SILENCE_UBER_WARNING="1",
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
        # Open connections may hold up a stop for this long, which is as long as a message takes; Sanic's default is 15 s.
        SANIC_GRACEFUL_SHUTDOWN_TIMEOUT="3.0",
        SANIC_ACCESS_LOG="false",
    )
    import warnings

    warnings.simplefilter("ignore")  # third parties' deprecations
    warnings.showwarning = lambda *args, **kwargs: None  # Rasa turns the filter on again


def patch_rasa() -> None:
    """Make Rasa quicker and more patient with our action endpoint. Does nothing, and says so, on another version."""
    import jieba
    import rasa

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()  # else its dictionary is read while the first citizen waits
    if rasa.__version__ != PATCHED_VERSION:
        logger.warning("Rasa is %s, not %s: running without the patches.", rasa.__version__, PATCHED_VERSION)
        return

    import rasa.core.actions.action as action
    from jsonschema import Draft7Validator
    from rasa.shared.core.events import Event

    # Checking an action's result compiled its JSON schema anew each time: half of the time of a message.
    validator = Draft7Validator(action.RemoteAction.action_response_format_spec())

    def validate_action_result(self: Any, result: dict[str, Any]) -> bool:
        validator.validate(result)
        return True

    action.RemoteAction._validate_action_result = validate_action_result

    # Reading an event walked all subclasses of Event. Only finds are kept: a class may still come to be imported.
    resolve = Event.resolve_by_type
    known: dict[str, type[Event]] = {}

    def resolve_by_type(type_name: str, default: type[Event] | None = None) -> type[Event] | None:
        found = known.get(type_name)
        if found is None:
            found = resolve(type_name, default)
            if found is not None and found.type_name == type_name:
                known[type_name] = found
        return found

    Event.resolve_by_type = staticmethod(resolve_by_type)
    action.DEFAULT_REQUEST_TIMEOUT = ACTION_TIMEOUT_S
    # An action that fails is the api's to report; here one line will do, without fifty lines of trace.
    logging.getLogger("rasa.core.processor").addFilter(_one_line)


def share_the_port(ready_fd: int | None) -> None:
    """Listen with SO_REUSEPORT, and tell whoever started us once we listen: by then the model is loaded."""
    import sanic.app

    serve = sanic.app.serve_single

    def serve_single(server_settings: dict[str, Any]) -> None:
        def tell(*_: Any) -> None:
            if ready_fd is not None:
                os.write(ready_fd, b"ready\n")
                os.close(ready_fd)

        server_settings["app"].register_listener(tell, "after_server_start")
        serve({**server_settings, "reuse_port": True})

    sanic.app.serve_single = serve_single


def _one_line(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        record.msg = f"{record.getMessage()} {type(error).__name__}: {error}"
        record.args, record.exc_info, record.exc_text = (), None, None
    return True


def _refuse(reason: str) -> int:
    sys.stderr.write(reason + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
