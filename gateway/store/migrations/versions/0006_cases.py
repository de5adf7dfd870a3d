"""Cases: where each request stands, its history, its links, and what is due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """No case is known: messages from before belong to none, and what follows them is flagged."""
    _create_cases()
    _create_histories()
    _create_clocks()
    op.add_column("queue_entry", sa.Column("about", sa.Text))


def downgrade() -> None:
    """Refused: what is due must not be forgotten by a program."""
    raise NotImplementedError("cases may be open; go on with a program that knows them")


def _create_cases() -> None:
    op.create_table(
        "case_file",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("machine", sa.String(16), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("requesting_authority", sa.Text, nullable=False),
        sa.Column("requested_authority", sa.Text, nullable=False),
        sa.Column("own_side", sa.String(12), nullable=False),
        sa.Column("urgency", sa.String(12), nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("state_since", sa.BigInteger),
        sa.Column("memory", sa.Text, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("message", _ROW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="case_file_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "case_file_message_fk"),
        sa.UniqueConstraint("partner", "request_id", name="case_file_once"),
    )
    op.create_table(
        "case_party",
        sa.Column("case_file", _ROW, nullable=False),
        sa.Column("authority", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("case_file", "authority", name="case_party_pk"),
        sa.ForeignKeyConstraint(["case_file"], ["case_file.id"], "case_party_case_file_fk"),
    )
    op.create_index("case_party_cases", "case_party", ["authority", "case_file"])


def _create_histories() -> None:
    op.create_table(
        "case_step",
        sa.Column("case_file", _ROW, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("before", sa.String(32), nullable=False),
        sa.Column("after", sa.String(32), nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("asserts", sa.String(32)),
        sa.Column("own_authority", sa.Text),
        sa.Column("message", _ROW),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("settled_by", sa.Text),
        sa.PrimaryKeyConstraint("case_file", "number", name="case_step_pk"),
        sa.ForeignKeyConstraint(["case_file"], ["case_file.id"], "case_step_case_file_fk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "case_step_message_fk"),
    )
    op.create_index("case_step_by_message", "case_step", ["message"])
    op.create_table(
        "case_link",
        sa.Column("later", _ROW, nullable=False),
        sa.Column("earlier", _ROW, nullable=False),
        sa.Column("relation", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("later", "earlier", name="case_link_pk"),
        sa.ForeignKeyConstraint(["later"], ["case_file.id"], "case_link_later_fk"),
        sa.ForeignKeyConstraint(["earlier"], ["case_file.id"], "case_link_earlier_fk"),
    )
    op.create_index("case_link_earlier", "case_link", ["earlier"])


def _create_clocks() -> None:
    op.create_table(
        "case_clock",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("case_file", _ROW, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("acts", sa.String(12), nullable=False),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("starts_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("warn_at", sa.Text, nullable=False),
        sa.Column("repeat", sa.String(24)),
        sa.Column("legal", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("article", sa.Text, nullable=False),
        sa.Column("trust", sa.String(16), nullable=False),
        sa.Column("started_by", sa.Text),
        sa.Column("set_by_document", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("stopped_at", sa.BigInteger),
        sa.Column("told_until", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("answered_by", sa.Text),
        sa.Column("next_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="case_clock_pk"),
        sa.ForeignKeyConstraint(["case_file"], ["case_file.id"], "case_clock_case_file_fk"),
    )
    op.create_index("case_clock_of", "case_clock", ["case_file", "stopped_at"])
    op.create_index("case_clock_due", "case_clock", ["next_at"])
