"""State records that were in force, and the updates of partners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing has been in force; updates that came before wait for their authority only."""
    op.create_table(
        "state_record",
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64)),
        sa.Column("record", sa.LargeBinary),
        sa.Column("signature", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("state", "number", name="state_record_pk"),
    )
    op.create_table(
        "directory_update",
        sa.Column("message", _ROW, sa.ForeignKey("message.id"), nullable=False),
        sa.Column("decision", sa.String(8)),
        sa.Column("issued_at", sa.BigInteger),
        sa.Column("decided_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("message", name="directory_update_pk"),
    )
    op.create_index("directory_update_decision", "directory_update", ["decision"])


def downgrade() -> None:
    """Evidence would lose what it speaks about."""
    raise NotImplementedError("a store never goes back")
