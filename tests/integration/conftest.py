"""The api in this process over real stores."""

from collections.abc import Iterator

import pytest
from people import Service
from redis import Redis
from starlette.testclient import TestClient

from api.app import make_app
from core.database import Database
from core.settings import Settings


@pytest.fixture
def service(settings: Settings, database: Database, redis: "Redis") -> Iterator[Service]:
    """The api on SQLite and on PostgreSQL, with Redis, without Rasa and without an index: all goes to lawyers."""
    url = database.engine.url.render_as_string(hide_password=False)
    settings = settings.model_copy(update={"database_url": url, "rasa_port": 1})
    with TestClient(make_app(settings), raise_server_exceptions=False) as client:
        yield Service(settings, database, client)
