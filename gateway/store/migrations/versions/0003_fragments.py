"""Large messages that go and come in fragments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """No group is under way yet."""
    op.create_table(
        "fragment_group",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("direction", sa.String(3), nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("group_id", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("header", sa.Text, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("held_bytes", sa.BigInteger, nullable=False),
        sa.Column("promised_bytes", sa.BigInteger, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_sentence", sa.Text),
        sa.Column("message", _ROW),
        sa.PrimaryKeyConstraint("id", name="fragment_group_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "fragment_group_message_fk"),
        sa.UniqueConstraint("partner", "direction", "group_id", name="fragment_group_once"),
    )
    op.create_index("fragment_group_open", "fragment_group", ["state", "expires_at"])
    op.create_index("fragment_group_message", "fragment_group", ["message"])
    op.create_table(
        "fragment",
        sa.Column("message", _ROW, autoincrement=False, nullable=False),
        sa.Column("fragment_group", _ROW, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("message", name="fragment_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "fragment_message_fk"),
        sa.ForeignKeyConstraint(
            ["fragment_group"], ["fragment_group.id"], "fragment_fragment_group_fk"
        ),
        sa.UniqueConstraint("fragment_group", "number", name="fragment_once"),
    )


def downgrade() -> None:
    """Refused: fragments that a partner has a receipt for are never thrown away by a program."""
    raise NotImplementedError("fragments may be held; go on with a program that knows them")
