"""Signs envelopes for tests, by its own means: lxml and cryptography, nothing of the gateway.

A `Draft` is a genuine message until a test bends it. What a test changes before `signed` is signed
with it (a misbehaving partner); what it changes in the bytes afterwards is not (an attacker).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

SOAP = "http://www.w3.org/2003/05/soap-envelope"
EB = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
EBBP = "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0"
WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
WSSE = f"{WSS}-wssecurity-secext-1.0.xsd"
WSU = f"{WSS}-wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = f"{XENC}sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SWA = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1"
CONTENT_SIGNATURE = f"{SWA}#Attachment-Content-Signature-Transform"
CIPHERTEXT = f"{SWA}#Attachment-Ciphertext-Transform"
X509 = f"{WSS}-x509-token-profile-1.0"
BASE64 = f"{WSS}-soap-message-security-1.0#Base64Binary"
THUMBPRINT = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
ENCRYPTED_KEY = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"

NAMESPACES = {"env": SOAP, "eb": EB, "ebbp": EBBP, "wsse": WSSE, "wsu": WSU, "ds": DS, "xenc": XENC}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())

MESSAGE_ID = "3f1f0a52-8c11-4d7e-9a52-6c2f7b1de001@xu.example"
PART_ID = "part-1@xu.example"


@dataclass(frozen=True)
class Party:
    """A key, its certificate, and what the gateway asks of who holds one (ports.py)."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def ski(self) -> bytes:
        extension = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return extension.value.digest

    def sign(self, octets: bytes) -> bytes:
        return self.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())

    def unwrap_rsa_oaep_sha256(self, wrapped: bytes) -> bytes:
        return self.key.decrypt(wrapped, oaep())


def oaep() -> padding.OAEP:
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@cache
def party(name: str, *, serial_number: int = 4711, ski: bytes | None = None) -> Party:
    """A throw-away party; the same name is the same party."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "XU"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Ministry of "Light", North+East'),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "keys@xu.example"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Utopia Sıgning"),
        ]
    )
    identifier = ski or hashlib.sha256(name.encode()).digest()[:20]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .add_extension(x509.SubjectKeyIdentifier(identifier), critical=False)
    )
    return Party(key, builder.sign(key, hashes.SHA256()))


def b64(octets: bytes) -> str:
    return b64encode(octets).decode()


# What a KeyInfo may say


def str_of(content: str) -> str:
    return f"<wsse:SecurityTokenReference>{content}</wsse:SecurityTokenReference>"


def token_reference(value_type: str = f"{X509}#X509v3", uri: str = "#token") -> str:
    return str_of(f'<wsse:Reference URI="{uri}" ValueType="{value_type}"/>')


def binary_token(octets: bytes, value_type: str = f"{X509}#X509v3", id_: str = "token") -> str:
    return (
        f'<wsse:BinarySecurityToken EncodingType="{BASE64}" ValueType="{value_type}" '
        f'wsu:Id="{id_}">{b64(octets)}</wsse:BinarySecurityToken>'
    )


def key_identifier(octets: bytes, value_type: str = f"{X509}#X509SubjectKeyIdentifier") -> str:
    return str_of(
        f'<wsse:KeyIdentifier EncodingType="{BASE64}" ValueType="{value_type}">{b64(octets)}'
        "</wsse:KeyIdentifier>"
    )


def x509_data(content: str) -> str:
    return f"<ds:X509Data>{content}</ds:X509Data>"


def issuer_serial(name: str, serial_number: int | str) -> str:
    return str_of(
        x509_data(
            f"<ds:X509IssuerSerial><ds:X509IssuerName>{name}</ds:X509IssuerName>"
            f"<ds:X509SerialNumber>{serial_number}</ds:X509SerialNumber></ds:X509IssuerSerial>"
        )
    )


# Message units


def property_xml(name: str, value: str) -> str:
    return f'<eb:Property name="{name}">{value}</eb:Property>'


def part_info(content_id: str = PART_ID, properties: str | None = None) -> str:
    if properties is None:
        properties = property_xml("MimeType", "application/xml") + property_xml(
            "CompressionType", "application/gzip"
        )
    return (
        f'<eb:PartInfo href="cid:{content_id}"><eb:PartProperties>{properties}'
        "</eb:PartProperties></eb:PartInfo>"
    )


def user_message(
    *,
    parts: str = part_info(),
    message_info: str = "",
    message_id: str = MESSAGE_ID,
    sender: str = '<eb:PartyId type="urn:t">xu</eb:PartyId><eb:Role>urn:initiator</eb:Role>',
    properties: str = property_xml("originalSender", "XU-CA"),
) -> str:
    payload = f"<eb:PayloadInfo>{parts}</eb:PayloadInfo>" if parts else ""
    message_info = message_info or (
        "<eb:Timestamp>2026-03-02T08:15:30.123Z</eb:Timestamp>"
        f"<eb:MessageId>{message_id}</eb:MessageId>"
    )
    return (
        f"<eb:UserMessage><eb:MessageInfo>{message_info}</eb:MessageInfo>"
        f"<eb:PartyInfo><eb:From>{sender}</eb:From><eb:To>"
        '<eb:PartyId type="urn:t">az</eb:PartyId><eb:Role>urn:responder</eb:Role></eb:To>'
        "</eb:PartyInfo><eb:CollaborationInfo>"
        "<eb:AgreementRef>urn:agreement:1</eb:AgreementRef>"
        '<eb:Service type="urn:s">urn:service</eb:Service><eb:Action>MlaRequest</eb:Action>'
        "<eb:ConversationId>c-1</eb:ConversationId></eb:CollaborationInfo>"
        f"<eb:MessageProperties>{properties}</eb:MessageProperties>{payload}</eb:UserMessage>"
    )


def signal(content: str, *, ref: str | None = MESSAGE_ID, message_id: str = "s-1@az") -> str:
    reference = f"<eb:RefToMessageId>{ref}</eb:RefToMessageId>" if ref is not None else ""
    return (
        "<eb:SignalMessage><eb:MessageInfo><eb:Timestamp>2026-03-02T08:15:31Z</eb:Timestamp>"
        f"<eb:MessageId>{message_id}</eb:MessageId>{reference}</eb:MessageInfo>{content}"
        "</eb:SignalMessage>"
    )


def receipt(*references: str, ref: str | None = MESSAGE_ID) -> str:
    parts = "".join(
        f"<ebbp:MessagePartNRInformation>{reference}</ebbp:MessagePartNRInformation>"
        for reference in references
    )
    information = (
        f"<ebbp:NonRepudiationInformation>{parts}</ebbp:NonRepudiationInformation>"
        if references
        else "<x:Other xmlns:x='urn:x'/>"
    )
    return signal(f"<eb:Receipt>{information}</eb:Receipt>", ref=ref)


# The signature


def transform(algorithm: str = C14N, prefixes: str | None = None) -> str:
    inner = ""
    if prefixes is not None:
        inner = f'<ec:InclusiveNamespaces xmlns:ec="{C14N}" PrefixList="{prefixes}"/>'
    return f'<ds:Transform Algorithm="{algorithm}">{inner}</ds:Transform>'


def reference(
    uri: str,
    transforms: str | None = None,
    *,
    digest_method: str = SHA256,
    digest: str = "",
    attributes: str = "",
) -> str:
    """A ds:Reference; the digest of a `#Id` is filled in when the draft is signed."""
    if transforms is None:
        transforms = transform(CONTENT_SIGNATURE if uri.startswith("cid:") else C14N)
    if uri.startswith("cid:") and not digest:
        digest = b64(hashlib.sha256(uri.encode()).digest())
    return (
        f'<ds:Reference URI="{uri}"{attributes}><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{digest_method}"/><ds:DigestValue>{digest}</ds:DigestValue>'
        "</ds:Reference>"
    )


def encryption(
    receiver: Party,
    content_ids: tuple[str, ...] = (PART_ID,),
    *,
    content_key: bytes = b"k" * 16,
    key_id: str = "EK",
) -> str:
    """EncryptedKey and EncryptedData as eDelivery wants them."""
    wrapped = receiver.certificate.public_key().encrypt(content_key, oaep())
    listed = "".join(f'<xenc:DataReference URI="#{key_id}-D{n}"/>' for n in range(len(content_ids)))
    key = (
        f'<xenc:EncryptedKey Id="{key_id}"><xenc:EncryptionMethod Algorithm="{XENC11}rsa-oaep">'
        f'<ds:DigestMethod Algorithm="{SHA256}"/>'
        f'<x:MGF xmlns:x="{XENC11}" Algorithm="{XENC11}mgf1sha256"/></xenc:EncryptionMethod>'
        f"<ds:KeyInfo>{key_identifier(receiver.ski)}</ds:KeyInfo><xenc:CipherData>"
        f"<xenc:CipherValue>{b64(wrapped)}</xenc:CipherValue></xenc:CipherData>"
        f"<xenc:ReferenceList>{listed}</xenc:ReferenceList></xenc:EncryptedKey>"
    )
    return key + "".join(
        encrypted_data(content_id, f"{key_id}-D{n}", key_id)
        for n, content_id in enumerate(content_ids)
    )


def encrypted_data(content_id: str, data_id: str = "EK-D0", key_id: str = "EK") -> str:
    return (
        f'<xenc:EncryptedData Id="{data_id}" MimeType="application/gzip" '
        f'Type="{SWA}#Attachment-Content-Only">'
        f'<xenc:EncryptionMethod Algorithm="{XENC11}aes128-gcm"/><ds:KeyInfo>'
        f'<wsse:SecurityTokenReference xmlns:w="{WSSE11}" w:TokenType="{ENCRYPTED_KEY}">'
        f'<wsse:Reference URI="#{key_id}"/></wsse:SecurityTokenReference></ds:KeyInfo>'
        f'<xenc:CipherData><xenc:CipherReference URI="cid:{content_id}"><xenc:Transforms>'
        f'<ds:Transform Algorithm="{CIPHERTEXT}"/></xenc:Transforms></xenc:CipherReference>'
        "</xenc:CipherData></xenc:EncryptedData>"
    )


@dataclass
class Draft:
    """Everything an envelope is made of; each field is a place to bend it before it is signed."""

    signer: Party
    unit: str = field(default_factory=user_message)
    references: list[str] | None = None
    key_info: str = field(default_factory=token_reference)
    tokens: str | None = None
    before_signature: str = ""
    c14n_method: str = transform().replace("ds:Transform", "ds:CanonicalizationMethod")
    signature_method: str = f'<ds:SignatureMethod Algorithm="{RSA_SHA256}"/>'
    after_key_info: str = ""
    header_start: str = ""
    header_end: str = ""
    messaging_attributes: str = 'env:mustUnderstand="true" wsu:Id="msg"'
    body: str = '<env:Body wsu:Id="body"/>'
    declared: str = _DECLARED
    change: Callable[[etree._Element], None] | None = None

    def text(self) -> str:
        references = self.references
        if references is None:
            cids = re.findall(r'PartInfo href="(cid:[^"]+)"', self.unit)
            references = [reference(uri) for uri in ("#msg", "#body", *cids)]
        tokens = self.tokens if self.tokens is not None else binary_token(self.signer.der)
        return (
            f"<env:Envelope {self.declared}><env:Header>{self.header_start}"
            f"<eb:Messaging {self.messaging_attributes}>{self.unit}</eb:Messaging>"
            f'<wsse:Security env:mustUnderstand="true">{self.before_signature}{tokens}'
            f"<ds:Signature><ds:SignedInfo>{self.c14n_method}{self.signature_method}"
            f"{''.join(references)}</ds:SignedInfo><ds:SignatureValue/>"
            f"<ds:KeyInfo>{self.key_info}</ds:KeyInfo>{self.after_key_info}</ds:Signature>"
            f"</wsse:Security>{self.header_end}</env:Header>{self.body}</env:Envelope>"
        )

    def signed(self) -> bytes:
        """The envelope with every digest it can have, and a signature over its SignedInfo."""
        root = etree.fromstring(self.text())
        if self.change is not None:
            self.change(root)
        for element in root.iterfind(".//ds:SignedInfo/ds:Reference", NAMESPACES):
            fill_digest(root, element)
        sign(root, self.signer)
        return etree.tostring(root)


def fill_digest(root: etree._Element, element: etree._Element) -> None:
    uri, value = element.get("URI", ""), element.find("ds:DigestValue", NAMESPACES)
    if value is None or value.text or not uri.startswith("#"):
        return
    found = [e for e in root.iter() if e.get(f"{{{WSU}}}Id") == uri[1:]]
    value.text = b64(hashlib.sha256(c14n(found[0], element) if found else b"").digest())


def sign(root: etree._Element, signer: Party) -> None:
    """A signature value over the SignedInfo as it stands now."""
    signed_info = root.find(".//ds:SignedInfo", NAMESPACES)
    value = root.find(".//ds:SignatureValue", NAMESPACES)
    method = signed_info.find("ds:CanonicalizationMethod", NAMESPACES)
    value.text = b64(signer.sign(c14n(signed_info, method)))


def c14n(element: etree._Element, parameters: etree._Element | None) -> bytes:
    found = None
    if parameters is not None:
        found = next(parameters.iter(f"{{{C14N}}}InclusiveNamespaces"), None)
    prefixes = found.get("PrefixList").split() if found is not None else []
    etree.fromstring('<!DOCTYPE a [<!ATTLIST a b CDATA "#default">]><a/>')  # or lxml drops it
    return etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes
    )


def signed_info_references(soap: bytes) -> list[str]:
    """The ds:Reference elements of the signature, as text that can stand in a receipt."""
    root = etree.fromstring(soap)
    return [
        c14n(element, None).decode()
        for element in root.iterfind(".//ds:SignedInfo/ds:Reference", NAMESPACES)
    ]


def certificate_in(soap: bytes) -> x509.Certificate:
    """The signer's certificate as a BinarySecurityToken carries it."""
    root = etree.fromstring(soap)
    uri = root.find(".//ds:Signature/ds:KeyInfo//wsse:Reference", NAMESPACES).get("URI")
    for token in root.iterfind(".//wsse:BinarySecurityToken", NAMESPACES):
        if token.get(f"{{{WSU}}}Id") == uri[1:]:
            return x509.load_der_x509_certificate(b64decode(token.text))
    raise LookupError(uri)
