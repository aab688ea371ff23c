"""reaching lawyers, call backs, the chain

Revision: 0003, after 0002. Made 2026-11-22. A push is one lawyer reached; what goes out by other media is a delivery. Rounds
keep the policy that they started under: those that are there get the one that was in force everywhere until now.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import core.database

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# What `Policy()` was when rounds did not keep theirs.
_POLICY = '{"province_after": 180, "nation_after": 360, "broken_after": 600, "quorum": 3, "lease_seconds": 300}'


def upgrade() -> None:
    op.create_table(
        "audit_seals",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_seals")),
    )
    op.create_table(
        "region_policies",
        sa.Column("region", sa.String(length=6), nullable=False),
        sa.Column("values", core.database.Json(), nullable=False),
        sa.Column("changed_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("region", name=op.f("pk_region_policies")),
    )
    op.create_table(
        "contacts",
        sa.Column("lawyer_id", sa.Uuid(), nullable=False),
        sa.Column("medium", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["lawyer_id"], ["lawyers.id"], name=op.f("fk_contacts_lawyer_id")),
        sa.PrimaryKeyConstraint("lawyer_id", "medium", name=op.f("pk_contacts")),
    )
    op.create_table(
        "duty_hours",
        sa.Column("lawyer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("end", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lawyer_id"], ["lawyers.id"], name=op.f("fk_duty_hours_lawyer_id")),
        sa.PrimaryKeyConstraint("lawyer_id", "day", "start", name=op.f("pk_duty_hours")),
    )
    op.create_table(
        "appeals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("lawyer_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultations.id"], name=op.f("fk_appeals_consultation_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff.id"], name=op.f("fk_appeals_decided_by")),
        sa.ForeignKeyConstraint(["lawyer_id"], ["lawyers.id"], name=op.f("fk_appeals_lawyer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeals")),
        sa.UniqueConstraint("consultation_id", "lawyer_id", name=op.f("uq_appeals_consultation_id_lawyer_id")),
    )
    op.create_table(
        "call_backs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("occasion", sa.Integer(), nullable=False),
        sa.Column("phone_encrypted", sa.Text(), nullable=False),
        sa.Column("phone_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultations.id"], name=op.f("fk_call_backs_consultation_id")),
        sa.ForeignKeyConstraint(["done_by"], ["staff.id"], name=op.f("fk_call_backs_done_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_backs")),
        sa.UniqueConstraint(
            "consultation_id", "reason", "occasion", name=op.f("uq_call_backs_consultation_id_reason_occasion")
        ),
    )
    with op.batch_alter_table("call_backs", schema=None) as batch_op:
        batch_op.create_index("ix_call_backs_open", ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_backs_phone_hash"), ["phone_hash"], unique=False)

    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consultation_id", sa.Uuid(), nullable=False),
        sa.Column("lawyer_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["consultation_id"], ["consultations.id"], name=op.f("fk_notes_consultation_id")),
        sa.ForeignKeyConstraint(["lawyer_id"], ["lawyers.id"], name=op.f("fk_notes_lawyer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    with op.batch_alter_table("notes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notes_consultation_id"), ["consultation_id"], unique=False)

    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("lawyer_id", sa.Uuid(), nullable=False),
        sa.Column("medium", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lawyer_id"], ["lawyers.id"], name=op.f("fk_deliveries_lawyer_id")),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name=op.f("fk_deliveries_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "round_id", "lawyer_id", "medium", "kind", name=op.f("uq_deliveries_round_id_lawyer_id_medium_kind")
        ),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index("ix_deliveries_due", ["state", "due_at"], unique=False)

    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
        batch_op.add_column(sa.Column("hash", sa.String(length=64), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_audit_position"), ["position"])

    op.create_index("ix_rounds_started_at", "rounds", ["started_at"])
    op.create_index("ix_ratings_created_at", "ratings", ["created_at"])
    op.create_index("ix_consultations_closed_at", "consultations", ["closed_at"])
    op.create_index(
        "ix_audit_waiting",
        "audit",
        ["id"],
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    with op.batch_alter_table("lawyers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("specialties", core.database.Json(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("languages", core.database.Json(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("phone_encrypted", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("phone_hash", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("capacity", sa.Integer(), server_default="5", nullable=False))
        batch_op.create_index(batch_op.f("ix_lawyers_phone_hash"), ["phone_hash"], unique=False)

    op.rename_table("pushes", "pushes_before")
    with op.batch_alter_table("pushes_before") as batch_op:
        batch_op.drop_index("ix_pushes_lawyer_id")
        batch_op.drop_constraint("pk_pushes", type_="primary")
    op.create_table(
        "pushes",
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("lawyer_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(length=16), nullable=False),
        sa.Column("pushed_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lawyer_id"], ["lawyers.id"], name="fk_pushes_lawyer_id"),
        sa.ForeignKeyConstraint(["round_id"], ["rounds.id"], name="fk_pushes_round_id"),
        sa.PrimaryKeyConstraint("round_id", "lawyer_id", name="pk_pushes"),
    )
    op.create_index("ix_pushes_lawyer_id", "pushes", ["lawyer_id", "round_id"])
    op.execute("INSERT INTO pushes SELECT round_id, lawyer_id, tier, pushed_at FROM pushes_before")
    op.drop_table("pushes_before")

    with op.batch_alter_table("rounds", schema=None) as batch_op:
        batch_op.add_column(sa.Column("policy", core.database.Json(), nullable=False, server_default=_POLICY))
        batch_op.add_column(sa.Column("referred_to", sa.String(length=64), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("旧版本的表结构装不下新的内容；要退回，请恢复升级前的备份。")
