"""Alembic's environment: all tables of the service, on the connection that `wenfa.database` hands over."""

from alembic import context

import channels.models
import escalation.models
import knowledge_base.models
import services.models
from core.database import Base

assert channels.models
assert escalation.models
assert knowledge_base.models
assert services.models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
