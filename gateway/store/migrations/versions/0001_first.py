"""Messages, their payloads, queues, exchanges, and the chain of evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_GUARD_SQLITE = """
CREATE TRIGGER evidence_no_{verb} BEFORE {verb} ON evidence
BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END
"""

_GUARD_POSTGRESQL = """
CREATE FUNCTION evidence_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'evidence is append-only'; END $$;
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence
FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only();
"""


def upgrade() -> None:
    """An empty store, with a chain that ends where it begins."""
    _create_evidence_support()
    _create_messages()
    _create_queues()
    _create_evidence()


def downgrade() -> None:
    """Refused: evidence is never thrown away by a program."""
    raise NotImplementedError("there is no version of the store before this one")


def _blob_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("blob_name", sa.String(32)),
        sa.Column("inline", sa.LargeBinary),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    ]


def _create_evidence_support() -> None:
    op.create_table(
        "certificate",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="certificate_pk"),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="secret_pk"),
    )


def _create_messages() -> None:
    op.create_table(
        "message",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("direction", sa.String(3), nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("ref_to_message_id", sa.Text),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("requesting_authority", sa.Text, nullable=False),
        sa.Column("receiving_authority", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("claimed_at", sa.BigInteger),
        sa.Column("envelope", sa.LargeBinary),
        sa.Column("references", sa.Text),
        sa.Column("signer", sa.String(64)),
        sa.Column("tls_fingerprint", sa.String(64)),
        sa.Column("receipt_id", sa.Text),
        sa.Column("receipt", sa.LargeBinary),
        sa.Column("receipt_at", sa.BigInteger),
        sa.Column("receipt_signer", sa.String(64)),
        sa.Column("routing", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="message_pk"),
        sa.ForeignKeyConstraint(["signer"], ["certificate.fingerprint"], "message_signer_fk"),
        sa.ForeignKeyConstraint(
            ["receipt_signer"], ["certificate.fingerprint"], "message_receipt_signer_fk"
        ),
        sa.UniqueConstraint("message_id", "partner", "direction", name="message_received_once"),
        sa.CheckConstraint("direction IN ('in', 'out')", name="message_direction"),
        sa.CheckConstraint(
            "direction = 'out' OR (envelope IS NOT NULL AND receipt IS NOT NULL)",
            name="message_received_whole",
        ),
    )
    op.create_table(
        "part",
        sa.Column("message", _ROW, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("content_id", sa.Text, nullable=False),
        sa.Column("mime_type", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text),
        sa.Column("character_set", sa.Text),
        *_blob_columns(),
        sa.PrimaryKeyConstraint("message", "position", name="part_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "part_message_fk"),
    )
    op.create_table(
        "wire_part",
        sa.Column("message", _ROW, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("content_id", sa.Text, nullable=False),
        *_blob_columns(),
        sa.PrimaryKeyConstraint("message", "position", name="wire_part_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "wire_part_message_fk"),
    )


def _create_queues() -> None:
    op.create_table(
        "exchange",
        sa.Column("message", _ROW, autoincrement=False, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_sentence", sa.Text),
        sa.Column("late", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("node", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("content_digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("message", name="exchange_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "exchange_message_fk"),
    )
    op.create_index("exchange_due", "exchange", ["state", "partner", "due_at"])
    op.create_table(
        "submission",
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False),
        sa.Column("content_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("authority", "idempotency_key", name="submission_pk"),
    )
    op.create_table(
        "queue_entry",
        sa.Column("id", _ROW, nullable=False),
        sa.Column("message", _ROW, nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("lease_id", sa.String(32)),
        sa.Column("leased_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="queue_entry_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "queue_entry_message_fk"),
        sa.UniqueConstraint("message", "notice", name="queue_entry_once"),
    )
    op.create_index("queue_entry_order", "queue_entry", ["authority", "state", "priority", "id"])
    leased = sa.text("lease_id IS NOT NULL")
    op.create_index(
        "queue_entry_by_lease",
        "queue_entry",
        ["lease_id"],
        sqlite_where=leased,
        postgresql_where=leased,
    )


def _create_evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("sequence", _ROW, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("message", _ROW),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="evidence_pk"),
        sa.ForeignKeyConstraint(["message"], ["message.id"], "evidence_message_fk"),
    )
    op.create_index("evidence_by_message", "evidence", ["message", "sequence"])
    op.create_table(
        "evidence_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("chain_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="evidence_head_pk"),
        sa.CheckConstraint("id = 1", name="evidence_head_one_row"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_GUARD_SQLITE.format(verb=verb))
    else:
        op.execute(_GUARD_POSTGRESQL)
