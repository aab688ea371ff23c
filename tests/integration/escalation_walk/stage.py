"""Where the walk is played: an empty database for each walk, a Redis, one that is gone, one whose connection breaks."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError as RedisGone

from core import live
from core.database import Base, Database
from core.security import Vault
from core.settings import Settings
from wenfa.database import upgrade


class _CutPipeline(Pipeline):
    """Redis has taken the events when the connection breaks, so nobody hears of it."""

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        sent = any(command[0][0] == "XADD" for command in self.command_stack)
        found: list[Any] = super().execute(raise_on_error)
        if sent:
            raise RedisGone("cut")
        return found


class _CutRedis(Redis):
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> _CutPipeline:
        return _CutPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


@dataclass
class Stage:
    """All that a walk needs from outside."""

    fresh: Callable[[], Database]
    """An empty, migrated database; the one before is gone."""
    vault: Vault
    redis: "Redis"
    gone: "Redis"
    """Refuses every command."""
    cut: "Redis"
    """Takes events and then fails."""

    @classmethod
    def over(cls, settings: Settings, redis: "Redis", fresh: Callable[[], Database]) -> "Stage":
        nowhere = settings.model_copy(update={"redis_url": f"unix://{settings.home_dir / 'nowhere.sock'}"})
        cut = _CutRedis.from_url(settings.live_url, decode_responses=True)
        return cls(fresh, Vault(settings), redis, live.connect(nowhere), cut)


def fresh_sqlite(folder: Path) -> Callable[[], Database]:
    """Copies of one migrated file: migrating takes longer than most walks."""
    template, path = folder / "empty.db", folder / "walk.db"
    made = Database(f"sqlite:///{template}")
    upgrade(made)
    made.dispose()
    used: list[Database] = []

    def fresh() -> Database:
        for database in used:
            database.dispose()
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        shutil.copyfile(template, path)
        used[:] = [Database(f"sqlite:///{path}")]
        return used[0]

    return fresh


def fresh_postgresql(url: str) -> Callable[[], Database]:
    database = Database(url)
    upgrade(database)
    tables = ", ".join(f'"{each.name}"' for each in Base.metadata.sorted_tables)

    def fresh() -> Database:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        return database

    return fresh
