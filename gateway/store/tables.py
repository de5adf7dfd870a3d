"""The tables, but for those of cases, which are in `gateway.store.case_tables`.

The migrations make them; a test holds the two against each other.

message      one row for every message, in or out; written once, but for what a message on its way
             out gains (its signed bytes, its receipt)
part         its payloads at rest
exchange     where a message on its way out stands
wire_part    its sealed parts, until they are no longer needed
callback     receipts and errors that must still reach a partner in a request of ours
pull_request requests of partners who pull, for as long as one of them could come again
fragment_group  a large message that goes or comes in fragments
fragment     which message is which fragment of which group
partner_line whether each partner answers its pings, and since when it does not
submission   idempotency keys of authorities
queue_entry  what waits for an authority: received messages, and notices about sent ones
evidence     the chain; append-only, guarded by triggers
evidence_head  how far the chain goes, with a keyed seal
alert        what an operator must look at, until it says that it has
state_record  State records that were in force, one after the other
directory_update  what partners tell about their own State, and what was decided about it
certificate  every certificate that evidence names, by fingerprint
secret       keys of the store itself, wrapped by the storage key
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.columns import Instant, JsonText, RowNumber

#: The one constraint whose violation means "this message came before". No other one does.
RECEIVED_ONCE: Final = "message_received_once"
#: The MessageId comes first, so that the constraint is also the index for looking messages up.
RECEIVED_ONCE_COLUMNS: Final = ("message_id", "partner", "direction")

#: A signal of ours is owed once, however often it is asked for.
OWED_ONCE: Final = "callback_owed_once"
#: One group for each id of a partner; of two first fragments that come at once, one begins it.
GROUP_ONCE: Final = "fragment_group_once"

INBOUND: Final = "in"
OUTBOUND: Final = "out"

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

message = Table(
    "message",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("direction", String(3), nullable=False),
    Column("partner", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("ref_to_message_id", Text),
    Column("action", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("requesting_authority", Text, nullable=False),
    Column("receiving_authority", Text, nullable=False),
    Column("request_id", Text),
    Column("at", Instant, nullable=False),  # received, or submitted
    Column("claimed_at", Instant),  # eb:Timestamp of a received one
    Column("envelope", LargeBinary),
    Column("references", JsonText),
    Column("signer", String(64), ForeignKey("certificate.fingerprint")),
    Column("tls_fingerprint", String(64)),
    Column("receipt_id", Text),
    Column("receipt", LargeBinary),
    Column("receipt_at", Instant),
    Column("receipt_signer", String(64), ForeignKey("certificate.fingerprint")),
    Column("routing", JsonText, nullable=False),
    UniqueConstraint(*RECEIVED_ONCE_COLUMNS, name=RECEIVED_ONCE),
    CheckConstraint("direction IN ('in', 'out')", name="direction"),
    CheckConstraint(
        "direction = 'out' OR (envelope IS NOT NULL AND receipt IS NOT NULL)", name="received_whole"
    ),
)


def _blob_columns() -> list[Column[object]]:
    return [
        Column("blob_name", String(32)),
        Column("inline", LargeBinary),
        Column("wrapped_key", LargeBinary, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        Column("sha256", LargeBinary(32), nullable=False),
    ]


part = Table(
    "part",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("file_name", Text),
    Column("character_set", Text),
    *_blob_columns(),
    PrimaryKeyConstraint("message", "position"),
)

wire_part = Table(
    "wire_part",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("content_id", Text, nullable=False),
    *_blob_columns(),
    PrimaryKeyConstraint("message", "position"),
)

exchange = Table(
    "exchange",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), primary_key=True, autoincrement=False),
    Column("partner", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant),
    Column("due_at", Instant, nullable=False),  # next_attempt_at, or since when it is ready
    Column("error_code", Text),
    Column("error_sentence", Text),
    Column("late", Boolean(create_constraint=False), nullable=False),
    Column("node", Text),  # which gateway claimed it
    Column("idempotency_key", Text),
    Column("content_digest", LargeBinary(32), nullable=False),
    Index("exchange_due", "state", "partner", "due_at"),
)

callback = Table(
    "callback",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("signal_id", Text, nullable=False),
    Column("ref_to_message_id", Text, nullable=False),
    Column("message", RowNumber, ForeignKey("message.id")),  # what a receipt is for
    Column("envelope", LargeBinary, nullable=False),
    Column("owed_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("node", Text),  # which gateway claimed it
    UniqueConstraint("signal_id", name=OWED_ONCE),
    Index("callback_due", "due_at"),
)

pull_request = Table(
    "pull_request",
    metadata,
    Column("partner", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("partner", "message_id"),
    Index("pull_request_at", "at"),
)

fragment_group = Table(
    "fragment_group",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("direction", String(3), nullable=False),
    Column("partner", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("header", JsonText, nullable=False),
    Column("terms", JsonText, nullable=False),
    Column("held_bytes", BigInteger, nullable=False),
    Column("promised_bytes", BigInteger, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("error_code", Text),
    Column("error_sentence", Text),
    Column("message", RowNumber, ForeignKey("message.id")),  # the whole one, where it is known
    UniqueConstraint("partner", "direction", "group_id", name=GROUP_ONCE),
    Index("fragment_group_open", "state", "expires_at"),
    Index("fragment_group_message", "message"),
)

fragment = Table(
    "fragment",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), primary_key=True, autoincrement=False),
    Column("fragment_group", RowNumber, ForeignKey("fragment_group.id"), nullable=False),
    Column("number", Integer, nullable=False),
    UniqueConstraint("fragment_group", "number", name="fragment_once"),
)

submission = Table(
    "submission",
    metadata,
    Column("authority", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("content_digest", LargeBinary(32), nullable=False),
    Column("message_id", Text, nullable=False),
    PrimaryKeyConstraint("authority", "idempotency_key"),
)

queue_entry = Table(
    "queue_entry",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("message", RowNumber, ForeignKey("message.id"), nullable=False),
    Column("notice", Text, nullable=False),  # "" for a received message
    Column("about", JsonText),  # what a notice says besides its message
    Column("authority", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("lease_id", String(32)),
    Column("leased_until", Instant),
    UniqueConstraint("message", "notice", name="queue_entry_once"),
    Index("queue_entry_order", "authority", "state", "priority", "id"),
    Index(
        "queue_entry_by_lease",
        "lease_id",
        sqlite_where=text("lease_id IS NOT NULL"),
        postgresql_where=text("lease_id IS NOT NULL"),
    ),
)

evidence = Table(
    "evidence",
    metadata,
    Column("sequence", RowNumber, primary_key=True, autoincrement=False),
    Column("kind", String(24), nullable=False),
    Column("message", RowNumber, ForeignKey("message.id")),
    Column("record", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("chain_hash", LargeBinary(32), nullable=False),
    Index("evidence_by_message", "message", "sequence"),
)

evidence_head = Table(
    "evidence_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row, number 1
    Column("sequence", BigInteger, nullable=False),
    Column("chain_hash", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

alert = Table(
    "alert",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("sentence", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("acknowledged_at", Instant),
    Index("alert_open", "acknowledged_at", "sentence"),
)

partner_line = Table(
    "partner_line",
    metadata,
    Column("partner", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("answered_at", Instant),  # the last time, which may be long ago
    Column("answers", Boolean(create_constraint=False), nullable=False),  # whether it did just now
    Column("code", Text),
    Column("sentence", Text, nullable=False),
    PrimaryKeyConstraint("partner"),
)

state_record = Table(
    "state_record",
    metadata,
    Column("state", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String(64)),  # hex; without it the State was taken out of the directory
    Column("record", LargeBinary),
    Column("signature", JsonText),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("state", "number"),
)

directory_update = Table(
    "directory_update",
    metadata,
    Column("message", RowNumber, ForeignKey("message.id"), primary_key=True, autoincrement=False),
    Column("decision", String(8)),
    Column("issued_at", Instant),
    Column("decided_at", Instant),
    Index("directory_update_decision", "decision"),
)

certificate = Table(
    "certificate",
    metadata,
    Column("fingerprint", String(64), primary_key=True),  # hex SHA-256 of the DER
    Column("der", LargeBinary, nullable=False),
)

secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
