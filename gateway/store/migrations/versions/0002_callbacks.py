"""Signals that are owed in a request of their own, and the requests of partners who pull."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Nothing is owed yet, and nobody has pulled."""
    op.create_table(
        "callback",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("signal_id", sa.Text, nullable=False),
        sa.Column("ref_to_message_id", sa.Text, nullable=False),
        sa.Column("message", _ROW),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("owed_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("node", sa.Text),
        sa.PrimaryKeyConstraint("id", name="callback_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "callback_message_fk"),
        sa.UniqueConstraint("signal_id", name="callback_owed_once"),
    )
    op.create_index("callback_due", "callback", ["due_at"])
    op.create_table(
        "pull_request",
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("partner", "message_id", name="pull_request_pk"),
    )
    op.create_index("pull_request_at", "pull_request", ["at"])


def downgrade() -> None:
    """Refused: a receipt that is still owed is never thrown away by a program."""
    raise NotImplementedError("signals may still be owed; go on with a program that knows them")
