"""Whether each partner answers its pings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has been asked."""
    op.create_table(
        "partner_line",
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("answers", sa.Boolean, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("partner", name="partner_line_pk"),
    )


def downgrade() -> None:
    """What partners answered is asked again."""
    op.drop_table("partner_line")
