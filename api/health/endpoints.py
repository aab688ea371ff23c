"""/healthz: the process lives. /readyz: it can do its work. /metrics: for Prometheus."""

import asyncio
from typing import Literal

import httpx
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from api.state import State, StateDep

router = APIRouter(include_in_schema=False)

LISTENERS = Gauge("wenfa_live_listeners", "Open live streams of this process")


class Ready(BaseModel):
    status: Literal["ready", "degraded", "unavailable"]
    database: bool
    redis: bool
    knowledge_base: bool
    rasa: bool


@router.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(state: StateDep, response: Response) -> Ready:
    """200 while citizens are served, even without Redis, Rasa or the knowledge base; 503 without the database."""
    checks = Ready(
        status="ready",
        database=await run_in_threadpool(_database_answers, state),
        redis=await _redis_answers(state),
        knowledge_base=state.knowledge_base is not None,
        rasa=await _rasa_answers(state),
    )
    if not checks.database:
        checks.status, response.status_code = "unavailable", 503
    elif not (checks.redis and checks.knowledge_base and checks.rasa):
        checks.status = "degraded"
    return checks


@router.get("/metrics")
def metrics(state: StateDep) -> Response:
    LISTENERS.set(state.hub.listeners())
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _database_answers(state: State) -> bool:
    try:
        state.database.ping()
    except SQLAlchemyError:
        return False
    return True


async def _redis_answers(state: State) -> bool:
    try:
        await state.redis_async.ping()
    except (RedisError, OSError):
        return False
    return True


async def _rasa_answers(state: State) -> bool:
    """Whether all of its processes do."""
    try:
        responses = await asyncio.gather(*(state.http.get(f"{url}/", timeout=1) for url in state.settings.nlu_urls))
    except httpx.HTTPError:
        return False
    return all(response.is_success for response in responses)
