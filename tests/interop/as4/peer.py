"""The Python package `as4` as an access point: `receive`, or `send-each` for orders on stdin.

Runs in an environment of its own (requirements.txt beside it). Standard output carries one JSON
object a line, in the words of the phase4 peer (tests/interop/README.md). The package has no
transport; TLS and HTTP here are the standard library's.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import ssl
import sys
from datetime import UTC, datetime
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from as4 import (
    AS4BaseCredentials,
    AS4ExternalParty,
    AS4InternalCredentials,
    AS4InternalParty,
    AS4PartyIdentity,
    AS4ReceivingExchange,
    AS4References,
    ReceiptVerificationError,
    SecurityPolicy,
    pinned_certificates,
)
from as4.models.wsse.binary_security_token import UnsupportedSecurityTokenType
from cooperation import PARTY_TYPE, CooperationProfile, Order, TwoKeys
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TIMEOUT_SECONDS = 60.0


def main() -> None:
    """Serve or send until standard input or the process ends."""
    options = _parser().parse_args()
    if options.command == "receive":
        _receive(options)
        return
    for line in sys.stdin:
        words = [*sys.argv[1:], *line.rstrip("\n").split("\t")]
        _say(_send(_parser().parse_args(words)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["receive", "send-each"])
    for name in ("keys", "partner", "from-party", "to-party", "url", "payload", "action"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--service", default="urn:uncc:service:cooperation:1")
    parser.add_argument("--agreement", default="urn:uncc:agreement:az-xu:1")
    parser.add_argument("--property", action="append", default=[])
    parser.add_argument("--tamper", action="store_true")
    return parser


def _send(options: argparse.Namespace) -> dict[str, Any]:
    """One message and what the package thinks of the answer."""
    order = Order(
        service=options.service,
        agreement=options.agreement,
        action=options.action,
        properties=dict(word.split("=", 1) for word in options.property),
    )
    message = CooperationProfile.build_message(
        Path(options.payload).read_bytes(),
        local_party=_own(options, options.from_party),
        remote_party=_partner(options, options.to_party),
        builder_args=order,
        references=AS4References(message_id=f"{uuid4()}@as4.example"),
    )
    body, boundary = message.get_request_data()
    if options.tamper:
        body = body.replace(b">as4@", b">as5@", 1)  # in the signed eb:ConversationId
    status, answer = _post(options, message.get_http_headers(boundary), body)
    said = {"message_id": message.message_id, "status": status, "accepted": False, "errors": []}
    try:
        receipt = CooperationProfile.parse_receipt(answer, _certificate(options.partner, "sign"))
        said["errors"] = [
            {"code": error.error_code, "detail": error.error_detail and error.error_detail.value}
            for error in receipt.errors
        ]
        if not receipt.errors:
            receipt.verify_non_repudiation(message.signed_references)
            said["accepted"] = receipt.original_message_id == message.message_id
    except (ReceiptVerificationError, UnsupportedSecurityTokenType) as e:
        said["failure"] = str(e)
        said["answer"] = base64.b64encode(answer).decode()
    return said


def _post(options: argparse.Namespace, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    place = urlsplit(options.url)
    context = _tls(options, ssl.Purpose.SERVER_AUTH)
    connection = HTTPSConnection(
        place.hostname or "", place.port, timeout=TIMEOUT_SECONDS, context=context
    )
    connection.request("POST", place.path, body, headers)
    response = connection.getresponse()
    return response.status, response.read()


def _receive(options: argparse.Namespace) -> None:
    party = _own(options, options.to_party)
    trusted = pinned_certificates(_certificate(options.partner, "sign"))
    policy = SecurityPolicy(signer_resolver=trusted, verify_participants=False)

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            exchange = AS4ReceivingExchange(profile=CooperationProfile, local_party=party)
            exchange.receive(dict(self.headers.items()), body, security_policy=policy)
            headers, answer = exchange.build_signal()
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            _say(_taken(exchange))

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", options.port), Requests)
    server.socket = _tls(options, ssl.Purpose.CLIENT_AUTH).wrap_socket(
        server.socket, server_side=True
    )
    _say({"event": "listening", "port": server.server_address[1]})
    server.serve_forever()


def _taken(exchange: Any) -> dict[str, Any]:
    if not exchange.successful:
        errors = [{"code": exchange.error.error_code, "detail": exchange.error.error_detail.value}]
        return {"event": "refused", "message_id": exchange.message_id, "errors": errors}
    unit = exchange.message.soap_envelope.header.messaging.user_message
    parts = exchange.message.decrypted_data.values()
    return {
        "event": "received",
        "message_id": exchange.message_id,
        "action": unit.collaboration_info.action.value,
        "properties": {one.name: one.value for one in unit.message_properties.properties},
        "attachments": [
            {"size_bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()} for part in parts
        ],
    }


def _own(options: argparse.Namespace, party: str) -> AS4InternalParty:
    key = TwoKeys(_private_key(options.keys, "sign"), _private_key(options.keys, "encrypt"))
    certificate = _certificate(options.keys, "sign")
    return AS4InternalParty(
        identity=AS4PartyIdentity(party_id=party, party_type=PARTY_TYPE),
        credentials=AS4InternalCredentials(certificate=certificate, private_key=key),
    )


def _partner(options: argparse.Namespace, party: str) -> AS4ExternalParty:
    certificate = _certificate(options.partner, "encrypt")
    return AS4ExternalParty(
        identity=AS4PartyIdentity(party_id=party, party_type=PARTY_TYPE),
        credentials=AS4BaseCredentials(certificate=certificate),
    )


def _certificate(folder: str, purpose: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Path(folder, f"{purpose}.cert.pem").read_bytes())


def _private_key(folder: str, purpose: str) -> Any:
    return load_pem_private_key(Path(folder, f"{purpose}.key.pem").read_bytes(), None)


def _tls(options: argparse.Namespace, purpose: ssl.Purpose) -> ssl.SSLContext:
    """TLS 1.3 with our certificate, trusting the partner's certificate only."""
    trusted = str(Path(options.partner, "tls.cert.pem"))
    context = ssl.create_default_context(purpose, cafile=trusted)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_REQUIRED
    own = Path(options.keys)
    context.load_cert_chain(own / "tls.cert.pem", own / "tls.key.pem")
    return context


def _say(facts: dict[str, Any]) -> None:
    facts = {**facts, "at": datetime.now(UTC).isoformat()}
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
