"""Redis: the live part of the service, all of which can be lost and rebuilt.

Every caller must bear `redis.RedisError`: a service without Redis still stores and answers.
"""

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.settings import Settings

PREFIX = "wenfa:"


def connect(settings: Settings) -> "Redis":
    """A blocking client. Fails at once, without retries, when Redis is gone: the caller has a plan without it."""
    return Redis.from_url(
        settings.live_url,
        decode_responses=True,
        socket_timeout=5,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )


def connect_async(settings: Settings, *, blocking: bool = False) -> "AsyncRedis":
    """The same for asyncio. With `blocking` for reads that wait for seconds: without a limit on the wait."""
    return AsyncRedis.from_url(
        settings.live_url,
        decode_responses=True,
        socket_timeout=None if blocking else 2,
        socket_connect_timeout=1,
        retry=AsyncRetry(NoBackoff(), 0),
    )
