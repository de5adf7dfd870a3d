"""xmlsec1 by its Python binding: verifies a signature or decrypts, and says so in one JSON line.

    xmlsec1_peer.py verify FILE [KEY]
        the ds:Signature in FILE; KEY is a key or certificate, else the KeyInfo carries one
    xmlsec1_peer.py decrypt FILE RECIPIENT [ORIGINATOR]
        the xenc:EncryptedData that FILE is; the keys are named recipient-key-name and
        originator-key-name

Runs in an environment of its own (requirements.txt beside it).
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import xmlsec
from lxml import etree

WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
FORMATS = {
    b"-----BEGIN CERT": xmlsec.KeyFormat.CERT_PEM,
    b"-----BEGIN": xmlsec.KeyFormat.PEM,
    b"0": xmlsec.KeyFormat.PKCS8_DER,  # an ASN.1 SEQUENCE
}


def main() -> None:
    """Do what the command line says."""
    what, file, *keys = sys.argv[1:]
    document = etree.parse(file).getroot()
    said: dict[str, object] = {"version": ".".join(map(str, xmlsec.get_libxmlsec_version()))}
    try:
        said |= _verify(document, *keys) if what == "verify" else _decrypt(document, *keys)
    except xmlsec.Error as e:
        said |= {"ok": False, "failure": str(e)}
    print(json.dumps(said))


def _verify(document: etree._Element, key: str | None = None) -> dict[str, object]:
    context = xmlsec.SignatureContext(xmlsec.KeysManager())
    if key is not None:
        context.key = _key(key)
    for element in document.iter():
        for id_attribute, namespace in (("Id", WSU), ("Id", None)):
            name = f"{{{namespace}}}{id_attribute}" if namespace else id_attribute
            if name in element.attrib:
                context.register_id(element, id_attribute, namespace)
    context.verify(xmlsec.tree.find_node(document, xmlsec.constants.NodeSignature))
    return {"ok": True}


def _decrypt(
    document: etree._Element, recipient: str, originator: str | None = None
) -> dict[str, object]:
    manager = xmlsec.KeysManager()
    for file, name in ((recipient, "recipient"), (originator, "originator")):
        if file is not None:
            key = _key(file)
            key.name = f"{name}-key-name"
            manager.add_key(key)
    decrypted = xmlsec.EncryptionContext(manager).decrypt(document)
    octets = decrypted if isinstance(decrypted, bytes) else etree.tostring(decrypted)
    return {"ok": True, "content": base64.b64encode(octets).decode()}


def _key(file: str) -> xmlsec.Key:
    octets = Path(file).read_bytes()
    form = next(form for begin, form in FORMATS.items() if octets.startswith(begin))
    return xmlsec.Key.from_memory(octets, form)


if __name__ == "__main__":
    main()
