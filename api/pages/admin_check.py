"""The check of the audit chain, begun from a page: in a thread of this process, its progress in Redis for every process to show.

What was found is an audit row: it outlives Redis, and a check that died leaves none.
"""

import json
import threading
import time

from redis.exceptions import RedisError

from api.state import State
from core.live import PREFIX
from core.log import get_logger
from escalation.chain import head
from escalation.chain_check import record_check, verify
from escalation.errors import Conflict, Refused
from escalation.seals import seal_key, seals_path

_NAME = f"{PREFIX}audit:check"
_ALIVE_SECONDS = 60
"""Without a word for so long a check counts as dead, and another may begin."""

log = get_logger("audit")


def begin_check(state: State, actor: str) -> None:
    """Begin one. Raises Conflict while another is at work; Refused without Redis."""
    with state.database.read() as session:
        total = head(session).position
    try:
        if not state.redis.set(_NAME, _told(0, total), nx=True, ex=_ALIVE_SECONDS):
            raise Conflict("已经有人在核对，请等它做完。")
    except RedisError:
        raise Refused("现在显示不了进度，没有开始。请稍后再试，或用 wenfa audit verify 命令核对。") from None
    threading.Thread(target=_check, args=(state, actor, total), name="audit check", daemon=True).start()


def progress(state: State) -> tuple[int, int] | None:
    """How many rows are done, of how many; None while no check is at work."""
    try:
        found = state.redis.get(_NAME)
    except RedisError:
        return None
    if not isinstance(found, str):
        return None
    told = json.loads(found)
    return told["done"], told["total"]


def _check(state: State, actor: str, total: int) -> None:
    said = 0.0

    def say(done: int) -> None:
        nonlocal said
        if time.monotonic() - said >= 0.5:
            said = time.monotonic()
            state.redis.set(_NAME, _told(done, max(done, total)), ex=_ALIVE_SECONDS)

    try:
        report = verify(state.database, seal_key(state.settings), seals_path(state.settings), say)
        with state.database.write() as session:
            record_check(session, report, actor)
    except Exception:
        log.exception("审计链的核对没有做完")
    finally:
        try:
            state.redis.delete(_NAME)
        except RedisError:
            log.warning("核对已结束，进度没有清掉")


def _told(done: int, total: int) -> str:
    return json.dumps({"done": done, "total": total})
