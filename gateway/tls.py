"""Mutual TLS between gateways: who may shake hands with us, and whom we shake hands with.

Both directions pin the partner's own certificate; a certificate authority alone opens nothing.
TLS 1.3 unless the configuration says 1.2. The key exchange groups are those of the OpenSSL that
pyOpenSSL brings, which offers the hybrid X25519MLKEM768 first (tests/gateway/test_tls.py holds it
to that). Source: eDelivery AS4 1.15 section 3.2.6.1, docs/decisions/0004-tls.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLContextFactory,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from config.node import TlsMaterial
from config.settings import TLS12_CIPHERS

_PROTOCOL_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_X509_V_FLAG_PARTIAL_CHAIN = 0x80000  # a pinned certificate is its own anchor
_SESSION_CONTEXT = b"hanoi-gateway as4"


def load_private_key(octets: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """The TLS key in the PEM `octets`, validated by `keys`. TypeError for another kind."""
    key = load_pem_private_key(octets, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError(f"a TLS key is RSA or ECDSA here, not {type(key).__name__}")
    return key


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 over the DER of `certificate`."""
    return certificate.fingerprint(hashes.SHA256())


def peer_certificate(transport: object) -> x509.Certificate | None:
    """The certificate of the TLS peer of `transport`, or None if there is none."""
    ask: Callable[[], crypto.X509 | None] | None = getattr(transport, "getPeerCertificate", None)
    found = ask() if ask is not None else None
    return found.to_cryptography() if found is not None else None


def _context(
    material: TlsMaterial,
    pinned: Sequence[x509.Certificate],
    minimum: str,
    ciphers: Sequence[str],
) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(_PROTOCOL_VERSIONS[minimum])
    context.set_cipher_list(":".join(ciphers).encode("ascii"))
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    leaf, *issuers = material.certificates
    context.use_certificate(leaf)
    for issuer in issuers:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(load_private_key(material.private_key_pem))
    context.check_privatekey()
    store = context.get_cert_store()
    if store is None:
        raise RuntimeError("OpenSSL gave a TLS context without a certificate store")
    store.set_flags(_X509_V_FLAG_PARTIAL_CHAIN)
    for certificate in pinned:
        store.add_cert(crypto.X509.from_cryptography(certificate))
    return context


@implementer(IOpenSSLContextFactory)
class ServerTls:
    """The listening side: a client certificate is always required and must be a pinned one."""

    def __init__(
        self,
        material: TlsMaterial,
        pinned: Sequence[x509.Certificate],
        minimum: str,
        ciphers: Sequence[str] = TLS12_CIPHERS,
    ) -> None:
        self._known = frozenset(fingerprint(certificate) for certificate in pinned)
        self._context = _context(material, pinned, minimum, ciphers)
        self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._verify)
        self._context.set_session_id(_SESSION_CONTEXT)

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name
        """The one context that every accepted connection uses."""
        return self._context

    def _verify(
        self,
        _connection: SSL.Connection,
        certificate: crypto.X509,
        _error: int,
        depth: int,
        ok: int,
    ) -> bool:
        if depth:
            return bool(ok)
        return bool(ok) and fingerprint(certificate.to_cryptography()) in self._known


@implementer(IOpenSSLClientConnectionCreator)
class _ClientConnections:
    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._host = host

    def clientConnectionForTLS(  # noqa: N802 - Twisted's name
        self,
        tlsProtocol: TLSMemoryBIOProtocol,  # noqa: N803 - Twisted's name
    ) -> SSL.Connection:
        """A fresh connection that names the host it wants (SNI) and checks that it got it."""
        connection = SSL.Connection(self._context, None)
        if not (isIPAddress(self._host) or isIPv6Address(self._host)):
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        connection.set_connect_state()
        return connection


@implementer(IPolicyForHTTPS)
class ClientTls:
    """The calling side towards one partner: its pinned certificate, good for the host we called.

    `peer` is the certificate of the last partner that shook hands with us.
    """

    def __init__(
        self,
        material: TlsMaterial,
        pinned: Sequence[x509.Certificate],
        minimum: str,
        host: str,
        ciphers: Sequence[str] = TLS12_CIPHERS,
    ) -> None:
        self._known = frozenset(fingerprint(certificate) for certificate in pinned)
        self._host = host
        self.peer: x509.Certificate | None = None
        self._context = _context(material, pinned, minimum, ciphers)
        self._context.set_verify(SSL.VERIFY_PEER, self._verify)

    def creatorForNetloc(  # noqa: N802 - Twisted's name
        self, hostname: bytes, _port: int
    ) -> _ClientConnections:
        """What opens TLS connections to `hostname`."""
        return _ClientConnections(self._context, hostname.decode("ascii"))

    def _verify(
        self,
        _connection: SSL.Connection,
        certificate: crypto.X509,
        _error: int,
        depth: int,
        ok: int,
    ) -> bool:
        if depth or not ok:
            return bool(ok)
        leaf = certificate.to_cryptography()
        trusted = fingerprint(leaf) in self._known and _names(leaf, self._host)
        self.peer = leaf if trusted else None
        return trusted


def _names(certificate: x509.Certificate, host: str) -> bool:
    try:
        if isIPAddress(host) or isIPv6Address(host):
            verify_certificate_ip_address(certificate, host)
        else:
            verify_certificate_hostname(certificate, host)
    except (VerificationError, ValueError):
        return False
    return True


def der(certificate: x509.Certificate) -> bytes:
    """The DER of `certificate`."""
    return certificate.public_bytes(serialization.Encoding.DER)
