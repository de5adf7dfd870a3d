"""What the tests of reading have in common: the way in up to the signature, and refusals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509

from protocol.as4.envelope import open_envelope
from protocol.as4.errors import EbmsAnswer, FaultAnswer, Refused, StatusAnswer
from protocol.as4.signature import SignedEnvelope, verify_signature
from protocol.as4.suites import EDELIVERY_115


def reference_folder() -> Path:
    """Where the official schemas and example messages lie; the test is skipped without them."""
    default = Path(__file__).resolve().parents[4] / "shared" / "reference"
    folder = Path(os.environ.get("HANOI_REFERENCE", default)) / "as4"
    if not folder.is_dir():
        pytest.skip(f"no reference material in {folder} (set HANOI_REFERENCE)")
    return folder


def code_of(refusal: Refused) -> str:
    """What the peer is told, in short: E:nnnn, F:Code or H:status."""
    match refusal.answer:
        case EbmsAnswer(error):
            return error.code.replace("EBMS:", "E:")
        case FaultAnswer(status, code):
            return f"F:{code}:{status}"
        case StatusAnswer(status):
            return f"H:{status}"


@contextmanager
def refusal(*codes: str) -> Iterator[None]:
    """The block is refused with one of `codes`."""
    with pytest.raises(Refused) as caught:
        yield
    assert code_of(caught.value) in codes, caught.value.reason


def read(soap: bytes, *certificates: x509.Certificate) -> SignedEnvelope:
    """The signed view of `soap`, the P-Mode naming `certificates`."""
    return verify_signature(open_envelope(soap), certificates, EDELIVERY_115)
