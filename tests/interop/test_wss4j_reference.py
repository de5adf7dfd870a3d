"""WSS4J reads the reference messages that our reader is tested with: they are what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.matrix import INBOUND, PUSH
from tests.interop.reference import keys_of, reference_folder
from tests.interop.wss4j_reader import RSA_OAEP_OF_XMLENC11, reading

RSA, ED25519 = ("rsa", "rsa"), ("ed25519", "x25519")
#: File: its sender, the kinds of keys, and how many parts are in it.
MESSAGES = {
    "01-usermessage-edelivery115.http": ("alpha", RSA, 2),
    "02-receipt-edelivery115.http": ("beta", RSA, 0),
    "04-pullrequest.http": ("beta", RSA, 0),
    "06-usermessage-edelivery20.http": ("alpha", ED25519, 2),
    "07-receipt-edelivery20.http": ("beta", ED25519, 0),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.exchange(
                "WSS4J", "1.15" if kinds is RSA else "2.0 EdDSA", PUSH, INBOUND
            ),
        )
        for name, (_, kinds, _) in MESSAGES.items()
    ],
)
def test_wss4j_verifies_the_reference_message(name: str, phase4: None, tmp_path: Path) -> None:
    sender, kinds, parts = MESSAGES[name]
    receiver = "beta" if sender == "alpha" else "alpha"
    theirs = keys_of(sender, *kinds, tmp_path / "sender")
    own = keys_of(receiver, *kinds, tmp_path / "receiver")
    examples = reference_folder() / "examples"
    anchor = ("--anchor", str(examples / "keys" / "ca.crt.pem"))  # 2.0: the token holds the path
    with reading(own, theirs, tmp_path, *anchor) as reader:
        message = examples / name
        said = reader.read_file(message, waived=[RSA_OAEP_OF_XMLENC11])
    assert said["believed"], said
    assert len(said["parts"]) == parts
    assert all(part["size_bytes"] for part in said["parts"])
