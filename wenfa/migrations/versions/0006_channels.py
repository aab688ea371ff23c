"""channels

Revision: 0006, after 0005. Made 2026-11-22.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import core.database

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:

    op.create_table(
        "gateways",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("callback_url", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gateways")),
    )
    op.create_table(
        "callers",
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("address_encrypted", sa.Text(), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("sent_seq", sa.Integer(), nullable=False),
        sa.Column("offered", core.database.Json(), nullable=False),
        sa.Column("heard_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_since", sa.Integer(), nullable=False),
        sa.Column("sent_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("fk_callers_conversation_id")),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_callers")),
        sa.UniqueConstraint("channel", "account", "address_hash", name=op.f("uq_callers_channel_account_address_hash")),
    )
    op.create_table(
        "conversation_keys",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_conversation_keys_conversation_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_conversation_keys")),
    )
    with op.batch_alter_table("conversation_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversation_keys_conversation_id"), ["conversation_id"], unique=False)

    op.create_table(
        "gateway_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("retired_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["gateway"], ["gateways.name"], name=op.f("fk_gateway_keys_gateway")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_keys")),
    )
    with op.batch_alter_table("gateway_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gateway_keys_gateway"), ["gateway"], unique=False)

    op.create_table(
        "message_deliveries",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_message_deliveries_message_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_message_deliveries")),
    )
    with op.batch_alter_table("message_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_message_deliveries_dead",
            ["at"],
            unique=False,
            postgresql_where=sa.text("state = 'dead'"),
            sqlite_where=sa.text("state = 'dead'"),
        )

    op.create_table(
        "posts",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("keeper", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_posts")),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index("ix_posts_region", ["region", "active"], unique=False)

    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outgoing_at", core.database.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("post", sa.String(length=32), nullable=True))
        batch_op.create_index(batch_op.f("ix_conversations_post"), ["post"], unique=False)
        batch_op.create_index(
            "ix_conversations_outgoing",
            ["channel", "outgoing_at"],
            unique=False,
            postgresql_where=sa.text("outgoing_at IS NOT NULL"),
            sqlite_where=sa.text("outgoing_at IS NOT NULL"),
        )


def downgrade() -> None:

    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_conversations_outgoing",
            postgresql_where=sa.text("outgoing_at IS NOT NULL"),
            sqlite_where=sa.text("outgoing_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_conversations_post"))
        batch_op.drop_column("post")
        batch_op.drop_column("outgoing_at")

    op.drop_table("posts")

    with op.batch_alter_table("message_deliveries", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_message_deliveries_dead",
            postgresql_where=sa.text("state = 'dead'"),
            sqlite_where=sa.text("state = 'dead'"),
        )

    op.drop_table("message_deliveries")
    with op.batch_alter_table("gateway_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_gateway_keys_gateway"))

    op.drop_table("gateway_keys")
    with op.batch_alter_table("conversation_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversation_keys_conversation_id"))

    op.drop_table("conversation_keys")
    op.drop_table("callers")
    op.drop_table("gateways")
