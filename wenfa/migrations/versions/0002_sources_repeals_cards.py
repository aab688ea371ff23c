"""sources, repeals, cards

Revision: 0002, after 0001. Made 2026-11-22. Laws that were imported before are removed, and imported anew at the next start:
where a text came from was one word then, and force is now worked out from what each source says.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import core.database

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("DELETE FROM articles")
    op.execute("DELETE FROM law_versions")
    op.execute("DELETE FROM laws")
    op.create_table(
        "cards",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("questions", core.database.Json(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("reviewed_on", sa.Date(), nullable=False),
        sa.Column("texts_of", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("changed_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cards")),
    )
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cards_category"), ["category"], unique=False)
        batch_op.create_index(batch_op.f("ix_cards_state_region"), ["state", "region"], unique=False)

    op.create_table(
        "law_repeals",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("short_name", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("rank", sa.String(), nullable=False),
        sa.Column("repealed_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("region", "short_name", "by", name=op.f("pk_law_repeals")),
    )
    op.create_table(
        "card_citations",
        sa.Column("card_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("law", sa.String(), nullable=False),
        sa.Column("promulgated", sa.Date(), nullable=False),
        sa.Column("article", sa.String(), nullable=False),
        sa.Column("says", core.database.Json(), nullable=False),
        sa.Column("gist", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name=op.f("fk_card_citations_card_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("card_id", "position", name=op.f("pk_card_citations")),
    )
    with op.batch_alter_table("card_citations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_card_citations_law"), ["law"], unique=False)

    op.create_table(
        "law_version_sources",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("where", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False),
        sa.Column("facts", core.database.Json(), nullable=False),
        sa.Column("imported_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["law_versions.id"], name=op.f("fk_law_version_sources_version_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "source", name=op.f("pk_law_version_sources")),
    )
    with op.batch_alter_table("law_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("document_number", sa.String(), nullable=False))
        batch_op.add_column(sa.Column("history", core.database.Json(), nullable=False))
        batch_op.drop_column("source")


def downgrade() -> None:
    op.execute("DELETE FROM articles")
    op.execute("DELETE FROM law_version_sources")
    op.execute("DELETE FROM law_versions")
    op.execute("DELETE FROM laws")
    with op.batch_alter_table("law_versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.VARCHAR(), nullable=False))
        batch_op.drop_column("history")
        batch_op.drop_column("document_number")

    op.drop_table("law_version_sources")
    with op.batch_alter_table("card_citations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_card_citations_law"))

    op.drop_table("card_citations")
    op.drop_table("law_repeals")
    with op.batch_alter_table("cards", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cards_state_region"))
        batch_op.drop_index(batch_op.f("ix_cards_category"))

    op.drop_table("cards")
