"""How much a domestic system may ask for at once; every figure with its reason."""

from __future__ import annotations

from typing import Final

KIBIBYTE: Final = 1024
MEBIBYTE: Final = 1024 * KIBIBYTE

MAX_HEADERS_BYTES: Final = 8 * KIBIBYTE  # half of Twisted's own limit, so that ours answers first
MAX_HEADERS: Final = 64

MAX_DOCUMENT_BYTES: Final = 10 * MEBIBYTE  # a form, not evidence; it is read whole to be validated
MAX_ATTACHMENTS: Final = 31  # with the document 32 parts, the limit of the wire
MAX_FIELD_BYTES: Final = 1 * KIBIBYTE  # identifiers only
MAX_PARTS: Final = MAX_ATTACHMENTS + 8  # the document and every form field there is, with room
MAX_FRAMING_BYTES: Final = 256 * KIBIBYTE  # boundaries and headers of MAX_PARTS parts
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 2 * KIBIBYTE
MAX_FILE_NAME_CHARACTERS: Final = 255

MAX_SMALL_BODY_BYTES: Final = 64 * KIBIBYTE  # JSON bodies: the reason of a rejection
MAX_REASON_CHARACTERS: Final = 2000

MAX_KEY_CHARACTERS: Final = 255  # of an Idempotency-Key; a UUID has 36

MAX_WAIT_SECONDS: Final = 60.0  # of a long poll: below the usual timeout of proxies
MAX_LEASES: Final = 100  # in one answer
MAX_UPLOADS_PER_AUTHORITY: Final = 8  # one authority's flood must not fill everybody's spool
MAX_POLLS_PER_AUTHORITY: Final = 16

DRAIN_BYTES: Final = 256 * KIBIBYTE  # of a refused body: read so far for an orderly answer
LINGER_SECONDS: Final = 5.0  # a refused sender may go on for so long before it is cut off
IDLE_SECONDS: Final = 120.0  # a connection on which nothing arrives
STREAM_CHUNK_BYTES: Final = 64 * KIBIBYTE
RETRY_AFTER_SECONDS: Final = 5
