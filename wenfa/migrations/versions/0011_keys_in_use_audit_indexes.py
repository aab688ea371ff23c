"""when a gateway's key was used last; the audit found by who, what and when

Revision: 0011, after 0010. Made 2026-11-23.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import core.database

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("gateway_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("used_at", core.database.UtcDateTime(timezone=True), nullable=True))
    # Outside a batch: a batch would copy the table, and this one is long.
    op.create_index("ix_audit_verb", "audit", ["verb", "id"], unique=False)
    op.create_index("ix_audit_actor", "audit", ["actor", "id"], unique=False)
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)


def downgrade() -> None:
    for name in ("ix_audit_at", "ix_audit_actor", "ix_audit_verb"):
        op.drop_index(name, table_name="audit")
    with op.batch_alter_table("gateway_keys", schema=None) as batch_op:
        batch_op.drop_column("used_at")
