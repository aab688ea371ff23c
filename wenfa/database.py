"""Migrating the database, and asking whether it needs to be."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from core.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database) -> bool:
    """Bring the tables up to date. True when there was something to do."""
    with database.engine.begin() as connection:
        if _current(connection) == _head():
            return False
        command.upgrade(_config(connection), "head")
        return True


def is_current(database: Database) -> bool:
    """Whether the tables are those of this version of the service."""
    with database.engine.connect() as connection:
        return _current(connection) == _head()


def new_revision(database: Database, message: str) -> None:
    """Write a migration for what the models say and the database does not. For developers."""
    with database.engine.begin() as connection:
        command.revision(_config(connection), message, autogenerate=True)


def differences(database: Database) -> list[object]:
    """What the models say and the migrated database does not; empty when they agree."""
    from alembic.autogenerate import compare_metadata

    import channels.models
    import escalation.models
    import knowledge_base.models
    import services.models
    from core.database import Base

    assert channels.models
    assert escalation.models
    assert knowledge_base.models
    assert services.models
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _head() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
