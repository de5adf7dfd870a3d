"""Token forms, parts, contents and faults that meet phase4: which can be, and what is answered."""

from __future__ import annotations

from protocol.as4.suites import TokenForm
from tests.interop.pairwise import Case

FORMS = {
    "bst": TokenForm.BST_X509V3,
    "pkipath": TokenForm.BST_PKIPATH,
    "issuer-serial": TokenForm.ISSUER_SERIAL,
    "ski": TokenForm.SUBJECT_KEY_IDENTIFIER,
}
#: Type and whether it is compressed. The line ends of the text are LF.
CONTENTS = {
    "gzip": ("application/xml", b"<r>" + b"x" * 3000 + b"</r>", True),
    "octet-stream": ("application/octet-stream", bytes(range(256)) * 9, False),
    "xml": ("text/xml", b"<r><!-- c --><a  b='1'/></r>", False),
    "text": ("text/plain", b"one\ntwo\n", False),
}
NOTHING = "nothing"  # the content of a message without parts
FAULTS = {  # what phase4 answers to it, and what we answer
    "none": (None, None),
    "lost-receipt": ("EBMS:0004", None),
    "no-gzip": ("EBMS:0004", None),  # phase4 unpacks only while the application reads
    "damaged-gzip": ("EBMS:0004", None),
    "flipped-ciphertext": ("EBMS:0102", "EBMS:0102"),
    "flipped-signature": ("EBMS:0102", "EBMS:0101"),
    "wrong-certificate": ("EBMS:0102", "EBMS:0101"),
    "unknown-pmode": ("EBMS:0010", "EBMS:0010"),
    "two-usermessages": ("EBMS:0003", "EBMS:0003"),
}
SIGNED_FAULTS = ("no-gzip", "damaged-gzip")  # only who signs can make them
DIMENSIONS = {
    "form": list(FORMS),
    "parts": ["0", "1", "2"],
    "content": [NOTHING, *CONTENTS],
    "fault": list(FAULTS),
}


def possible(case: Case) -> bool:
    """Without parts there is no content and nothing to damage in it."""
    if (case["parts"] == "0") != (case["content"] == NOTHING):
        return False
    if case["fault"] in SIGNED_FAULTS:
        return case["content"] == "gzip"
    return case["fault"] != "flipped-ciphertext" or case["parts"] != "0"


def possible_inbound(case: Case) -> bool:
    """The first part is a document: only an annex can be of another type."""
    if case["fault"] in SIGNED_FAULTS:
        return False
    return possible(case) and (case["parts"] != "1" or case["content"] in ("gzip", "xml"))


def name_of(case: Case) -> str:
    return "-".join((case["form"], case["parts"], case["content"], case["fault"]))


def on_the_way(fault: str, body: bytes) -> bytes:
    if fault == "flipped-signature":
        return _flipped(body, body.index(b"SignatureValue>") + 40)
    if fault == "flipped-ciphertext":
        return _flipped(body, body.rindex(b"\r\n--") - 20)
    return body


def _flipped(body: bytes, at: int) -> bytes:
    """One bit of `body` is another; in base64 a letter stays a letter."""
    return body[:at] + bytes([_other(body[at])]) + body[at + 1 :]


def _other(octet: int) -> int:
    return ord("A") if octet != ord("A") else ord("B")
