"""What each reported bug taught: the rule that its test holds us to. docs/interop-bugs.md is made
of it: `python -m tests.conformance.bugs.rules --write` renews the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "interop-bugs.md"
HEAD = "| no. | reported for | rule | tested |\n|---|---|---|---|\n"

RULES: dict[int, tuple[str, str]] = {
    1: ("phase4", "no charset on the multipart type; it stands on the root part"),
    2: ("Oxalis-AS4", "Content-IDs in brackets, of safe characters; %40 is read as @"),
    3: ("Oxalis-AS4", "parts are found by Content-ID, in whatever order they come"),
    4: ("Oxalis-AS4", "Attachment-Content-Only, written and demanded"),
    5: ("Oxalis-AS4", "EncryptedData of a compressed part has MimeType application/gzip"),
    6: ("phase4", "compression is a matter of each part"),
    7: ("Holodeck B2B", "CompressionType decides, not the type: a gzip file arrives as one"),
    8: ("Holodeck B2B", "a gzip part is digested octet for octet"),
    9: ("Holodeck B2B", "base64 parts are read; binary is written"),
    10: ("Holodeck B2B", "a payload in the Body is refused and never written"),
    11: ("phase4", "the document is the first PartInfo, not the first MIME part"),
    12: ("Holodeck B2B", "the multipart names application/soap+xml as its type"),
    13: ("phase4, WSS4J", "parts are streamed, part headers limited"),
    14: ("phase4", "a gzip bomb is refused with EBMS:0303"),
    15: ("phase4", "an HTML page is a failure of transport, worth another attempt"),
    16: ("phase4", "a violation is answered with eb:Error; plain text from others is understood"),
    17: ("Holodeck B2B", "what is no SOAP is answered with 400 and harms nothing"),
    18: ("phase4", "a SOAP Fault alone is a failure with its code and reason"),
    19: ("phase4, Domibus", "timestamps with three fraction digits and Z"),
    20: ("phase4", "mustUnderstand on every signal, demanded of nobody"),
    21: ("phase4", "a receipt names its message; one that does not is refused"),
    22: ("Oxalis-AS4", "a property may have a type, and it is not part of the value"),
    23: ("Oxalis-AS4", "AgreementRef is compared exactly; absent is not any"),
    24: ("Oxalis-AS4, Domibus", "PartyId, its type and the role must all match"),
    25: ("Oxalis-AS4", "what we write is valid by the schema"),
    26: ("phase4", "EBMS:0003 says which value"),
    27: ("phase4", "another algorithm than the agreed one is refused, stronger or not"),
    28: ("Holodeck B2B", "the channel takes part in the choice of the P-Mode"),
    29: ("Holodeck B2B", "P-Modes are of one protocol"),
    30: ("Holodeck B2B", "a P-Mode that nearly matches is named, with what differs"),
    31: ("Holodeck B2B", "white space in EncryptedKey is ignored, and never written"),
    32: ("signxml, xmlseclibs, xml-crypto", "PrefixList is honoured, #default included"),
    33: ("Oxalis-AS4, WSS4J", "the content key travels by xmlenc11#rsa-oaep"),
    34: ("node-xml-encryption", "RSA-OAEP with SHA-1 is refused, also where it is only implied"),
    35: ("Oxalis-AS4", "receipts sign Body too"),
    36: ("Oxalis-AS4", "receipts carry their token"),
    37: ("Oxalis-AS4", "an unsigned error counts on the connection that it answers"),
    38: ("phase4", "a receipt signs none of the message's parts"),
    39: ("phase4", "the last certificate of a PKIPath signs"),
    40: ("phase4", "suite and keys are compared when the configuration is read"),
    41: ("phase4", "brainpool curves work"),
    42: ("phase4", "X509SKI and KeyIdentifier are two forms; both are read"),
    43: ("phase4", "one key may not sign and decrypt"),
    44: ("phase4, Domibus", "the order of headers does not matter, nor a second token"),
    45: ("phase4", "unsigned messages are refused"),
    46: ("phase4", "a receipt's signature, signer and digests are verified"),
    47: ("go-as4, WSS4J", "AgreementMethod has a RecipientKeyInfo"),
    48: ("Holodeck B2B", "the suite is chosen for each partner"),
    49: ("Holodeck B2B", "a P-Mode without security does not load"),
    50: ("phase4", "a repeated message gets its receipt; EBMS:4001 is understood"),
    51: ("Holodeck B2B", "what failed before is processed again"),
    52: ("Holodeck B2B", "receipt and MissingReceipt are states of one machine"),
    53: ("Holodeck B2B", "the producer is told what the partner said"),
    54: ("phase4", "a retry has the same MessageId and the same octets"),
    55: ("phase4", "after the receipt, a refusal of the matter is a message, no ebMS error"),
    56: ("Holodeck B2B", "Faults have the codes Sender and Receiver"),
    57: ("Holodeck B2B", "every part arrives as itself"),
}

#: Why there is nothing to test.
ABSENT = {29: "this gateway speaks AS4 only: there are no P-Modes of other protocols"}


def renewed(text: str) -> str:
    """`text` with the real rules below its heading."""
    before, _, _ = text.partition(HEAD)
    rows = (
        f"| {number} | {source} | {rule} | {ABSENT.get(number, 'yes')} |\n"
        for number, (source, rule) in RULES.items()
    )
    return before + HEAD + "".join(rows)


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(renewed(PAGE.read_text()))
