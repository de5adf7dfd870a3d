"""What reading a document costs beside the cryptography of the message that carries it.

    python -m tests.bench.documents [--rounds 200]

Documents are examples, made as long as asked for by repeating what their schema lets repeat. The
cryptography is what no receiver leaves out: RSA-3072 verify, unwrap and sign, AES-GCM and SHA-256
over the compressed document, SHA-256 over the document. Processor time, the best of ten rounds.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from protocol.convention.documents import LIMITS, read_document
from protocol.convention.references import references_hold
from protocol.convention.rules import broken_rules
from protocol.hardened import parse
from schemas.catalogue import example, explainer, form

SIZE_BYTES = 20 * 1024
EXAMPLES = {
    "MlaRequest": ("mla-request-xu-az.xml", "{urn:uncc:doc:1}Measure"),
    "PreservationRequest": ("preservation-request-xu-az.xml", "{urn:uncc:doc:1}DataToPreserve"),
    "EvidenceDelivery": ("evidence-delivery-az-xu.xml", "{urn:uncc:cmn:1}Custody"),
}
AIM = 0.1  # of the cryptography
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def main() -> None:
    """Print what each step costs, in milliseconds of processor time."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=200)
    rounds = options.parse_args().rounds
    began = time.process_time()
    form("documents")
    compile_ms = (time.process_time() - began) * 1000
    began = time.process_time()
    explainer("documents")
    explainer_ms = (time.process_time() - began) * 1000
    print(f"made once: schema for lxml {compile_ms:.0f} ms, for xmlschema {explainer_ms:.0f} ms")
    print(
        "document             bytes  parse   form    ids  rules  whole  crypto  (form + ids) / it"
    )
    for kind, (name, repeated) in EXAMPLES.items():
        octets = _long(example(name), repeated)
        crypto = _cheapest(_cryptography(octets), rounds)
        root = parse(octets, LIMITS)
        parts = (
            _cheapest(partial(parse, octets, LIMITS), rounds),
            _cheapest(partial(form("documents").validate, root), rounds),
            _cheapest(partial(references_hold, root, "documents"), rounds),
            _cheapest(partial(broken_rules, root), rounds),
            _cheapest(partial(read_document, octets), rounds),
        )
        figures = "  ".join(f"{one:5.3f}" for one in parts)
        ratio = (parts[1] + parts[2]) / crypto
        verdict = "held" if ratio < AIM else "MISSED"
        print(f"{kind:20} {len(octets):5}  {figures}  {crypto:6.3f}  {ratio:.3f} ({verdict})")


def _long(octets: bytes, repeated: str) -> bytes:
    """A valid document of about SIZE_BYTES."""
    root = etree.fromstring(octets)
    one = next(root.iter(repeated))
    number = 0
    while len(etree.tostring(root, encoding="UTF-8")) < SIZE_BYTES:
        copy = deepcopy(one)
        number += 1
        for named in copy.iter(etree.Element):
            if "id" in named.attrib:
                named.set("id", f"{named.get('id')}-{number}")
        if "sequence" in copy.attrib:
            copy.set("sequence", str(number))
        one.addnext(copy)
    for number, event in enumerate(next(one.iterancestors()).iterfind(repeated), start=1):
        _numbered(event, number)
    written = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    read_document(written)
    return written


def _numbered(event: etree._Element, number: int) -> None:
    """An event of custody has its number, and the hash of the one before from the second on."""
    if "sequence" not in event.attrib:
        return
    event.set("sequence", str(number))
    hashed = event.find("{urn:uncc:cmn:1}PreviousEventHash")
    if hashed is None and number > 1:
        etree.SubElement(event, "{urn:uncc:cmn:1}PreviousEventHash").text = "0" * 64
    elif hashed is not None and number == 1:
        event.remove(hashed)


def _cryptography(octets: bytes) -> Callable[[], object]:
    ours = rsa.generate_private_key(65537, 3072)
    theirs = rsa.generate_private_key(65537, 3072)
    key, header = AESGCM.generate_key(128), hashlib.sha256(octets).digest() * 100
    wrapped = ours.public_key().encrypt(key, OAEP)
    signature = theirs.sign(header, padding.PKCS1v15(), hashes.SHA256())
    compressed = gzip.compress(octets)
    sealed = AESGCM(key).encrypt(bytes(12), compressed, None)

    def whole() -> None:
        theirs.public_key().verify(signature, header, padding.PKCS1v15(), hashes.SHA256())
        plain = AESGCM(ours.decrypt(wrapped, OAEP)).decrypt(bytes(12), sealed, None)
        hashlib.sha256(plain).digest()
        hashlib.sha256(octets).digest()
        ours.sign(header, padding.PKCS1v15(), hashes.SHA256())

    return whole


def _cheapest(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of processor time of one call: the lowest of ten rounds of a tenth of them."""
    best = float("inf")
    calls = max(1, rounds // 10)
    for _ in range(10):
        began = time.process_time()
        for _ in range(calls):
            work()
        best = min(best, (time.process_time() - began) / calls)
    return best * 1000


if __name__ == "__main__":
    main()
