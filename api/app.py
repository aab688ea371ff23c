"""The api process: what it opens at start, what it serves, what it closes at the end."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from threadpoolctl import threadpool_limits

from api import problems
from api.auth.endpoints import router as auth
from api.board.endpoints import router as board
from api.board.figures import router as board_figures
from api.channels.hotline import router as hotline
from api.channels.kiosk import router as kiosk
from api.channels.wechat import router as wechat
from api.conversations.endpoints import router as conversations
from api.conversations.service import MessageService
from api.desk.drafting import router as drafting
from api.desk.endpoints import router as desk
from api.desk.live import Desks
from api.desk.me import router as desk_me
from api.desk.ratings import router as ratings
from api.desk.suggestions import router as suggestions
from api.desk.verbs import router as desk_verbs
from api.health.endpoints import router as health
from api.knowledge.clusters import Clusters
from api.laws.endpoints import router as laws
from api.live import Hub
from api.offices.endpoints import router as offices
from api.pages import install as install_pages
from api.rasa.endpoints import router as rasa
from api.state import State
from bot.actions.action import make_executor
from bot.actions.turn import Services
from core import live
from core.database import Database
from core.log import configure, get_logger
from core.security import Vault
from core.settings import Settings
from escalation.journal import DESK
from escalation.policy import Policy
from escalation.queue import LiveQueue
from knowledge_base.search import IndexMissing, KnowledgeBase

_SWITCH_SECONDS = 0.0005
_LOOK_FOR_AN_INDEX_SECONDS = 10.0

log = get_logger("api")


def make_app(settings: Settings) -> FastAPI:
    """The whole interface over these settings. Nothing is opened before the server starts it."""
    app = FastAPI(
        title="问法 wenfa",
        description="公共法律咨询服务的接口，第 1 版。出错时返回 RFC 9457 的 problem+json，title 可以直接给市民看。",
        version="1",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.body_max_bytes)
    problems.install(app)
    for router in (
        conversations, desk, desk_verbs, drafting, suggestions, desk_me, ratings, laws, auth, rasa, health, board, board_figures, offices,
        hotline, wechat, kiosk,
    ):  # fmt: skip
        app.include_router(router)
    install_pages(app)
    return app


class Server(uvicorn.Server):
    """Uvicorn, which on the way out waits for open connections before it tells the app: live streams must hear it at once."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._app = app
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        state: State | None = getattr(self._app.state, "wenfa", None)
        if state is not None:
            state.hub.close()
            state.desks.close()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    configure(settings, "api")
    # A question is too short to share out, and helping threads wait for the next one by spinning: with them a message took
    # the api 58 ms of processor time, without 27. (This reaches numpy's; faiss's have heard it from the environment.)
    threadpool_limits(1)
    # Else a thread that computes (a search) keeps the others waiting 5 ms after each query, of which a message makes dozens.
    sys.setswitchinterval(_SWITCH_SECONDS)
    Server(make_app(settings), settings).run()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = _open(app.state.settings)
    app.state.wenfa = state
    app.state.executor = make_executor(state.services)
    app.state.messages = MessageService(state)
    tasks = [
        asyncio.create_task(work)
        for work in (
            state.hub.run(),
            state.desks.run(),
            app.state.messages.recover(),
            app.state.messages.rasa.follow_models(),
            _follow_the_index(state.knowledge_base),
        )
    ]
    # The index is here to stay: no collection need walk through it again.
    gc.collect()
    gc.freeze()
    log.info("接口已就绪", url=state.settings.site_url, knowledge_base=state.knowledge_base is not None)
    try:
        yield
    finally:
        state.hub.close()
        state.desks.close()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await state.http.aclose()
        await state.redis_async.aclose()
        state.redis.close()
        state.database.dispose()


def _open(settings: Settings) -> State:
    database = Database(settings.sql_url)
    policy = Policy.from_settings(settings)
    knowledge_base = None
    try:
        knowledge_base = KnowledgeBase.open(settings, database)
    except IndexMissing as error:
        log.warning("没有法规库，问题一律转给律师", error=str(error))
    except Exception:
        log.exception("法规库打不开，问题一律转给律师")
    redis = live.connect(settings)
    hub, queue = Hub(live.connect_async(settings, blocking=True)), LiveQueue(redis)
    desks = Desks(database, queue)
    hub.listen(DESK, desks.heard)
    return State(
        settings=settings,
        database=database,
        redis=redis,
        redis_async=live.connect_async(settings),
        hub=hub,
        queue=queue,
        desks=desks,
        policy=policy,
        knowledge_base=knowledge_base,
        services=Services(database, policy, knowledge_base, Vault(settings)),
        http=httpx.AsyncClient(trust_env=False),
        clusters=Clusters(database, knowledge_base) if knowledge_base is not None else None,
    )


async def _follow_the_index(knowledge_base: KnowledgeBase | None) -> None:
    """Forever: serve the newest index once it is built. The one in service stays until another is ready."""
    while knowledge_base is not None:
        await asyncio.sleep(_LOOK_FOR_AN_INDEX_SECONDS)
        try:
            if await asyncio.to_thread(knowledge_base.reload):
                log.info("已换用新的法规索引", index=knowledge_base.index_name)
        except Exception:
            log.exception("新的法规索引打不开，继续用原来的")
