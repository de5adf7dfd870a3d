"""Namespaces and identifiers of the wire: each stands here once, for reading and for writing.

Source: ebMS 3.0 Core section 5, AS4 1.0 sections 3 and 5, WSS 1.1.1 (SOAP Message Security, X.509
Token Profile, SwA Profile), XML Signature 1.1, XML Encryption 1.1, RFC 9231.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

# Namespaces of elements and attributes.
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
SOAP11: Final = "http://schemas.xmlsoap.org/soap/envelope/"
EB: Final = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
MF: Final = "http://docs.oasis-open.org/ebxml-msg/ns/v3.0/mf/2010/04/"
EBBP: Final = "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSSE11: Final = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
DSIG11: Final = "http://www.w3.org/2009/xmldsig11#"
DSIG_MORE: Final = "http://www.w3.org/2021/04/xmldsig-more#"
DSIG_MORE_2001: Final = "http://www.w3.org/2001/04/xmldsig-more#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
EC: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
XML: Final = "http://www.w3.org/XML/1998/namespace"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

# Tokens and references to them (WSS X.509 Token Profile 1.1 section 3).
_MESSAGE_SECURITY_10: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"
)
_MESSAGE_SECURITY_11: Final = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1"
_X509_PROFILE: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0"
)
BASE64_BINARY: Final = f"{_MESSAGE_SECURITY_10}#Base64Binary"
X509V3: Final = f"{_X509_PROFILE}#X509v3"
X509_PKIPATH: Final = f"{_X509_PROFILE}#X509PKIPathv1"
X509_SKI_VALUE: Final = f"{_X509_PROFILE}#X509SubjectKeyIdentifier"
THUMBPRINT_SHA1: Final = f"{_MESSAGE_SECURITY_11}#ThumbprintSHA1"
ENCRYPTED_KEY_TOKEN: Final = f"{_MESSAGE_SECURITY_11}#EncryptedKey"

# Attachments (WSS SwA Profile 1.1 section 5).
_SWA: Final = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1"
ATTACHMENT_CONTENT_SIGNATURE: Final = f"{_SWA}#Attachment-Content-Signature-Transform"
ATTACHMENT_CIPHERTEXT: Final = f"{_SWA}#Attachment-Ciphertext-Transform"
ATTACHMENT_CONTENT_ONLY: Final = f"{_SWA}#Attachment-Content-Only"

# Algorithms; which of them two parties use is a Suite (suites.py).
EXC_C14N: Final = EC
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
EDDSA_ED25519: Final = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
AES128_GCM: Final = "http://www.w3.org/2009/xmlenc11#aes128-gcm"
RSA_OAEP: Final = "http://www.w3.org/2009/xmlenc11#rsa-oaep"
MGF1_SHA256: Final = "http://www.w3.org/2009/xmlenc11#mgf1sha256"
X25519: Final = f"{DSIG_MORE}x25519"
ECDH_ES: Final = f"{XENC11}ECDH-ES"
HKDF: Final = f"{DSIG_MORE}hkdf"
HMAC_SHA256: Final = f"{DSIG_MORE_2001}hmac-sha256"
KW_AES128: Final = f"{XENC}kw-aes128"

# Values of ebMS headers.
DEFAULT_MPC: Final = f"{EB}defaultMPC"
INITIATOR: Final = f"{EB}initiator"
RESPONDER: Final = f"{EB}responder"
TEST_SERVICE: Final = f"{EB}service"
TEST_ACTION: Final = f"{EB}test"
PARTY_TYPE_UNREGISTERED: Final = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"

# Names of properties (eDelivery AS4 1.15, four-corner topology; AS4 1.0 section 3.1).
ORIGINAL_SENDER: Final = "originalSender"
FINAL_RECIPIENT: Final = "finalRecipient"
TRACKING_IDENTIFIER: Final = "trackingIdentifier"
MIME_TYPE: Final = "MimeType"
CHARACTER_SET: Final = "CharacterSet"
COMPRESSION_TYPE: Final = "CompressionType"

# MIME types.
SOAP_MIME: Final = "application/soap+xml"
GZIP_MIME: Final = "application/gzip"
OCTET_STREAM: Final = "application/octet-stream"

CID: Final = "cid:"


def qname(namespace: str, local: str) -> str:
    """`{namespace}local`, as lxml names elements and attributes."""
    return f"{{{namespace}}}{local}"


def content_id_of(cid_uri: str) -> str:
    """The Content-ID that a `cid:` URI means, percent signs resolved (RFC 2392 section 2).

    Some peers write "%40" for "@": what is compared is the decoded form, on every side.
    """
    content_id = cid_uri.removeprefix(CID)
    return unquote(content_id) if "%" in content_id else content_id
