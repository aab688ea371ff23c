"""How often one person may write. Counted in Redis; without Redis nobody is counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import Request
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from api.state import State
from core.live import PREFIX
from escalation.errors import TooMany

_WINDOW_SECONDS = 60
# Eight characters of 26 are not to be guessed at this rate, by one or by all together.
_CODES_PER_ADDRESS, _CODES_BY_ALL, _CODES_WINDOW_SECONDS = 10, 300, 600


async def allow(state: State, who: str) -> None:
    """Count a message of theirs. Raises TooMany, saying when to try again."""
    most = state.settings.messages_per_minute
    seconds = await over(state.redis_async, f"said:{who}", most, _WINDOW_SECONDS) if most else 0
    if seconds:
        raise TooMany(f"您发得太快了，请 {seconds} 秒后再发。", seconds)


@asynccontextmanager
async def trying_a_code(request: Request, state: State) -> AsyncIterator[None]:
    """Around the use of a code that can be read aloud: counts those that were wrong, for many may stand behind one address.

    Raises TooMany, saying when to try again, without looking at the code.
    """
    address = request.client.host if request.client else ""
    counted = {f"codes:{address}": _CODES_PER_ADDRESS, "codes": _CODES_BY_ALL}
    # Counted before it is known, so that a thousand guesses at once are counted too.
    for name, most in counted.items():
        if seconds := await over(state.redis_async, name, most, _CODES_WINDOW_SECONDS):
            raise TooMany(f"试得太多了，请 {-(-seconds // 60)} 分钟后再试。", seconds)
    yield
    with suppress(RedisError, OSError):
        for name in counted:
            await state.redis_async.decr(f"{PREFIX}{name}")


async def over(redis: "AsyncRedis", name: str, most: int, window_seconds: int) -> int:
    """0 while there were no more than `most` in the window; else how many seconds until it is over."""
    key = f"{PREFIX}{name}"
    try:
        pipeline = redis.pipeline()
        pipeline.incr(key)
        pipeline.expire(key, window_seconds, nx=True)
        pipeline.ttl(key)
        count, _, left = await pipeline.execute()
    except (RedisError, OSError):
        return 0
    return max(1, int(left)) if count > most else 0
