"""What the board looks up: consultations by their opening, answers of the law by their time, who answered a round when.

Revision ID: 0010
Revises: 0008
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SAID = "kind IN ('answer', 'clarify')"


def upgrade() -> None:
    op.create_index("ix_consultations_opened_at", "consultations", ["opened_at"])
    op.create_index(
        "ix_messages_said", "messages", ["created_at"], postgresql_where=sa.text(_SAID), sqlite_where=sa.text(_SAID)
    )
    op.create_index("ix_answers_round", "answers", ["round_id", "created_at", "lawyer_id"])
    op.drop_index("ix_answers_round_id", table_name="answers")


def downgrade() -> None:
    op.create_index("ix_answers_round_id", "answers", ["round_id"])
    op.drop_index("ix_answers_round", table_name="answers")
    op.drop_index("ix_messages_said", table_name="messages")
    op.drop_index("ix_consultations_opened_at", table_name="consultations")
