"""Algorithm suites: one suite is one value here, and adding one touches this table only.

Source: eDelivery AS4 1.15 section 3.2.6 (security), AS4 1.0 section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TokenForm(Enum):
    """How a KeyInfo names its certificate (WSS X.509 Token Profile 1.1 section 3)."""

    BST_X509V3 = "bst-x509v3"
    BST_PKIPATH = "bst-pkipath"
    ISSUER_SERIAL = "issuer-serial"
    SUBJECT_KEY_IDENTIFIER = "ski"
    THUMBPRINT = "thumbprint"
    X509_SKI = "x509ski"


@dataclass(frozen=True, slots=True)
class Suite:
    """The algorithms two parties use, by XML Security identifier."""

    id: str
    signature: str
    digest: str
    content_encryption: str
    content_key_bytes: int
    key_transport: str
    key_transport_digest: str
    key_transport_mgf: str


EDELIVERY_115 = Suite(
    id="edelivery-as4-1.15",
    signature="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digest="http://www.w3.org/2001/04/xmlenc#sha256",
    content_encryption="http://www.w3.org/2009/xmlenc11#aes128-gcm",
    content_key_bytes=16,
    key_transport="http://www.w3.org/2009/xmlenc11#rsa-oaep",
    key_transport_digest="http://www.w3.org/2001/04/xmlenc#sha256",
    key_transport_mgf="http://www.w3.org/2009/xmlenc11#mgf1sha256",
)

SUITES: dict[str, Suite] = {suite.id: suite for suite in (EDELIVERY_115,)}
