"""What came under a limitation of use, and what its sender let go onward."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """What came before is under no limit here: its documents say so, the store did not read it."""
    op.create_table(
        "use_limit",
        sa.Column("message", _ROW, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("onward", sa.String(16), nullable=False),
        sa.Column("listed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message", "item", "digest", name="use_limit_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "use_limit_message_fk"),
    )
    op.create_index("use_limit_digest", "use_limit", ["digest"])
    op.create_table(
        "onward_request",
        sa.Column("message", _ROW, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("recipients", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("issued_at", sa.Text, nullable=False),
        sa.Column("granted", sa.Boolean(create_constraint=False)),
        sa.Column("decided_by", _ROW),
        sa.PrimaryKeyConstraint("message", name="onward_request_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "onward_request_message_fk"),
        sa.ForeignKeyConstraint(["decided_by"], ["message.id"], "onward_request_decided_by_fk"),
    )
    op.create_index("onward_request_case", "onward_request", ["request_id"])


def downgrade() -> None:
    """Evidence would lose what it speaks about."""
    raise NotImplementedError("a store never goes back")
