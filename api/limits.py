"""How often one person may write. Counted in Redis; without Redis nobody is counted."""

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from api.state import State
from core.live import PREFIX
from escalation.errors import TooMany

_WINDOW_SECONDS = 60


async def allow(state: State, who: str) -> None:
    """Count a message of theirs. Raises TooMany, saying when to try again."""
    most = state.settings.messages_per_minute
    seconds = await over(state.redis_async, f"said:{who}", most, _WINDOW_SECONDS) if most else 0
    if seconds:
        raise TooMany(f"您发得太快了，请 {seconds} 秒后再发。", seconds)


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
