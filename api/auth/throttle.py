"""Log-in attempts are counted in Redis, by login and by address. Without Redis argon2's slowness must do."""

from redis import Redis
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from core.live import PREFIX

_WINDOW_SECONDS = 300
_PER_LOGIN = 10
_PER_ADDRESS = 60


def check(redis: "Redis", login: str, address: str) -> None:
    """Count an attempt. 429 when there were too many within five minutes."""
    try:
        for key, limit in ((f"login:{login}", _PER_LOGIN), (f"address:{address}", _PER_ADDRESS)):
            name = f"{PREFIX}attempts:{key}"
            pipeline = redis.pipeline()
            pipeline.incr(name)
            pipeline.expire(name, _WINDOW_SECONDS, nx=True)
            count = pipeline.execute()[0]
            if count > limit:
                headers = {"Retry-After": str(_WINDOW_SECONDS)}
                raise HTTPException(429, "登录尝试太多，请五分钟后再试", headers=headers)
    except RedisError:
        return


def forget(redis: "Redis", login: str) -> None:
    """A log-in that worked clears the count of its login."""
    try:
        redis.delete(f"{PREFIX}attempts:login:{login}")
    except RedisError:
        return
