"""Two libraries of XML security that know no WS-Security, and our messages in their terms."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from lxml import etree

from tests.interop.our_wire import WrittenRequest, taken_apart
from tests.interop.own_environment import python_of
from tests.interop.phase4_peer import JsonLine

SCRIPTS = Path(__file__).with_name("xmlsec")
SECONDS = 60.0
DS = "{http://www.w3.org/2000/09/xmldsig#}"
XENC = "{http://www.w3.org/2001/04/xmlenc#}"


def ask(library: str, *words: str | Path) -> JsonLine:
    """What the library (xmlsec1 or bergshamra) says to a command line."""
    command = [python_of("xmlsec"), SCRIPTS / f"{library}_peer.py", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    said: JsonLine = json.loads(done.stdout)
    return said


def standing_alone(written: WrittenRequest) -> bytes:
    """The first part of a message as one xenc:EncryptedData.

    The EncryptedKey is ours but for the recipient's name, which these libraries know as a KeyName
    only, and the part is inside it instead of being referred to. None of this is signed.
    """
    envelope = etree.fromstring(written.sealed.soap)
    key = _one(envelope, XENC + "EncryptedKey")
    key.remove(_one(key, XENC + "ReferenceList"))
    recipient = key.find(f".//{XENC}RecipientKeyInfo")
    named = _one(key, DS + "KeyInfo") if recipient is None else recipient
    for child in list(named):
        named.remove(child)
    etree.SubElement(named, DS + "KeyName").text = "recipient-key-name"
    data = etree.Element(XENC + "EncryptedData", nsmap={"xenc": XENC[1:-1], "ds": DS[1:-1]})
    data.append(_one(_one(envelope, XENC + "EncryptedData"), XENC + "EncryptionMethod"))
    etree.SubElement(data, DS + "KeyInfo").append(key)
    _, pieces = taken_apart(written.content_type, written.body)
    value = etree.SubElement(etree.SubElement(data, XENC + "CipherData"), XENC + "CipherValue")
    value.text = base64.b64encode(pieces[1][1]).decode()
    return etree.tostring(data)


def _one(element: etree._Element, tag: str) -> etree._Element:
    found = element.find(f".//{tag}")
    assert found is not None, tag
    return found
