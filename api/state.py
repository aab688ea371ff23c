"""What one api process holds: made at start, given to endpoints by FastAPI's dependencies, closed at the end."""

from dataclasses import dataclass
from typing import Annotated

import httpx
from fastapi import Depends, Request
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from api.desk.live import Desks
from api.knowledge.clusters import Clusters
from api.live import Hub
from bot.actions.turn import Services
from core.database import Database
from core.settings import Settings
from escalation.policy import Policy
from escalation.queue import LiveQueue
from knowledge_base.search import KnowledgeBase


@dataclass(frozen=True, slots=True)
class State:
    settings: Settings
    database: Database
    redis: "Redis"
    redis_async: "AsyncRedis"
    hub: Hub
    queue: LiveQueue
    desks: Desks
    policy: Policy
    knowledge_base: KnowledgeBase | None
    services: Services
    http: httpx.AsyncClient
    clusters: Clusters | None
    """The unanswered questions in groups; None without a knowledge base."""


async def get_state(request: Request) -> State:
    # Asynchronous, as what follows it at once: a hop to a thread costs more than this does.
    state: State = request.app.state.wenfa
    return state


StateDep = Annotated[State, Depends(get_state)]
