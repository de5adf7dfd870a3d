"""Alerts that an operator must acknowledge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing to look at yet."""
    op.create_table(
        "alert",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="alert_pk"),
    )
    op.create_index("alert_open", "alert", ["acknowledged_at", "sentence"])


def downgrade() -> None:
    """Evidence would lose what it speaks about."""
    raise NotImplementedError("a store never goes back")
