"""The tables of cases, beside those of messages in `gateway.store.tables`.

case_file    one request between our State and a partner, and where it stands
case_step    its history; case_party  who of ours may see it; case_link  which case names which
case_clock   what is due in it, and what was told about that
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.store.columns import Instant, JsonText, RowNumber
from gateway.store.tables import metadata

#: One case for each request of a partner, or with it.
CASE_ONCE: Final = "case_file_once"

case_file = Table(
    "case_file",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("machine", String(16), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", String(32), nullable=False),
    Column("requesting_authority", Text, nullable=False),
    Column("requested_authority", Text, nullable=False),
    Column("own_side", String(12), nullable=False),
    Column("urgency", String(12), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("state_since", Instant),
    Column("memory", JsonText, nullable=False),  # what guards and clocks must remember
    Column("entries", Integer, nullable=False),
    Column("message", RowNumber, ForeignKey("message.id"), nullable=False),  # that opened it
    UniqueConstraint("partner", "request_id", name=CASE_ONCE),
)

case_party = Table(
    "case_party",
    metadata,
    Column("case_file", RowNumber, ForeignKey("case_file.id"), nullable=False),
    Column("authority", Text, nullable=False),
    PrimaryKeyConstraint("case_file", "authority"),
    Index("case_party_cases", "authority", "case_file"),
)

case_step = Table(
    "case_step",
    metadata,
    Column("case_file", RowNumber, ForeignKey("case_file.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", JsonText, nullable=False),
    Column("before", String(32), nullable=False),
    Column("after", String(32), nullable=False),
    Column("flags", JsonText, nullable=False),
    Column("asserts", String(32)),
    Column("own_authority", Text),  # ours, if it concerns one of them only
    Column("message", RowNumber, ForeignKey("message.id")),
    Column("settled_at", Instant),
    Column("settled_by", Text),
    PrimaryKeyConstraint("case_file", "number"),
    Index("case_step_by_message", "message"),
)

case_link = Table(
    "case_link",
    metadata,
    Column("later", RowNumber, ForeignKey("case_file.id"), nullable=False),
    Column("earlier", RowNumber, ForeignKey("case_file.id"), nullable=False),
    Column("relation", String(16), nullable=False),
    PrimaryKeyConstraint("later", "earlier"),
    Index("case_link_earlier", "earlier"),
)

case_clock = Table(
    "case_clock",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("case_file", RowNumber, ForeignKey("case_file.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("acts", String(12), nullable=False),
    Column("authority", Text, nullable=False),
    Column("starts_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("warn_at", JsonText, nullable=False),
    Column("repeat", String(24)),
    Column("legal", Boolean(create_constraint=False), nullable=False),
    Column("article", Text, nullable=False),
    Column("trust", String(16), nullable=False),
    Column("started_by", Text),
    Column("set_by_document", Boolean(create_constraint=False), nullable=False),
    Column("paused_at", Instant),
    Column("stopped_at", Instant),
    Column("told_until", Instant),
    Column("answered_at", Instant),
    Column("answered_by", Text),
    Column("next_at", Instant),  # when something is to be told; None: nothing, or not yet
    Index("case_clock_of", "case_file", "stopped_at"),
    Index("case_clock_due", "next_at"),
)
