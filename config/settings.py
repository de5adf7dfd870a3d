"""gateway.toml: what one node is and where it listens and stores."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, with_config

from config.reading import STRICT
from protocol.as4.suites import SUITES

Port = Annotated[int, Field(ge=0, le=65535)]
StateCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

UNREGISTERED = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"
STORE_SCHEMES = ("sqlite", "postgresql+psycopg")
SQLITE_PREFIX = "sqlite:///"


def one_line(text: str) -> str:
    """`text` if it is one line that can stand in a message. Raises ValueError."""
    if any(sign < " " or "\x7f" <= sign <= "\x9f" for sign in text):
        raise ValueError("must be one line without control characters")
    return text


def https_url(text: str) -> str:
    """`text` if it is an https URL that can be posted to. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or not _plain(text):
        raise ValueError("must be an https URL in ASCII, such as https://as4.example/as4")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be without user name, query and fragment")
    return text


def _plain(text: str) -> bool:
    """Visible ASCII alone: urlsplit passes over line ends, an HTTP request does not."""
    return all("!" <= sign <= "~" for sign in text)


def loopback(host: str) -> str:
    """`host` if only this machine can reach it. Raises ValueError."""
    if not ip_address(host).is_loopback:
        raise ValueError("must be a loopback address: the local API speaks without TLS")
    return host


def store_url(text: str) -> str:
    """`text` if it names one of the engines that we know. Raises ValueError."""
    parts = urlsplit(text)
    if parts.scheme not in STORE_SCHEMES:
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if parts.password is not None:
        raise ValueError("must be without the password; put that into store.password_file")
    return text


def known_suite(text: str) -> str:
    """`text` if it is the id of a suite that we have. Raises ValueError."""
    if text not in SUITES:
        raise ValueError(f"must be one of the suites {', '.join(SUITES)}")
    return text


Text = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(one_line)]
SuiteId = Annotated[str, AfterValidator(known_suite)]
HttpsUrl = Annotated[str, AfterValidator(https_url)]
LoopbackHost = Annotated[str, AfterValidator(loopback)]
StoreUrl = Annotated[str, AfterValidator(store_url)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class PartySettings:
    """[party]: an eb:PartyId. Without a type it has none, which is not the same as an empty one."""

    id: Text
    type: Text | None = None


#: OpenSSL's names of the TLS 1.2 suites that may be configured: forward secrecy and an AEAD, no
#: others (eDelivery AS4 1.15 section 3 and 2.0, transport layer security). TLS 1.3 has no others.
Tls12Cipher = Literal[
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
]
TLS12_CIPHERS: tuple[Tls12Cipher, ...] = get_args(Tls12Cipher)


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class As4Settings:
    """[as4]: where partners reach us. `tls12_ciphers` counts only if `minimum_tls` is 1.2."""

    port: Port
    public_url: HttpsUrl
    host: Text = "127.0.0.1"
    minimum_tls: Literal["1.2", "1.3"] = "1.3"
    tls12_ciphers: Annotated[tuple[Tls12Cipher, ...], Field(min_length=1)] = TLS12_CIPHERS


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class LocalSettings:
    """[local]: where our own authorities reach us. `unix_socket` is relative to the node folder."""

    port: Port
    host: LoopbackHost = "127.0.0.1"
    unix_socket: Text | None = None
    lease_seconds: Annotated[float, Field(gt=0, le=86400)] = 300.0
    max_deliveries: Annotated[int, Field(ge=1, le=1000)] = 10


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class StoreSettings:
    """[store]: an SQLAlchemy URL; the path of an SQLite file is relative to the node folder."""

    url: StoreUrl = SQLITE_PREFIX + "data/gateway.sqlite"
    password_file: Text | None = None


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """[spool]: where payloads rest, relative to the node folder."""

    folder: Text = "data/spool"
    wire_folder: Text = "data/wire"


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class LogSettings:
    """[log]"""

    level: Literal["debug", "info", "warning", "error"] = "info"


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class KeySettings:
    """One key pair: a key URI and a PEM file with its certificate, then the issuers of that."""

    key: Text
    certificate: Text


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class SuiteKeysSettings:
    """[keys.suites."ID"]: what we hold for the partners with whom we agreed on this suite.

    Several decryption pairs overlap while they are rotated.
    """

    signing: KeySettings
    decryption: Annotated[tuple[KeySettings, ...], Field(min_length=1, max_length=4)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class KeysSettings:
    """[keys]: what we hold, for TLS and for each suite that is in use."""

    tls: KeySettings
    suites: Annotated[dict[SuiteId, SuiteKeysSettings], Field(min_length=1)]
    storage: Text = "keys/storage.key"


@with_config(STRICT)
@dataclass(frozen=True, slots=True)
class Settings:
    """gateway.toml, whole."""

    state: StateCode
    party: PartySettings
    as4: As4Settings
    local: LocalSettings
    keys: KeysSettings
    store: StoreSettings = field(default_factory=StoreSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    log: LogSettings = field(default_factory=LogSettings)
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    # For what is in flight when the gateway is stopped; service managers kill after more.
    stop_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0

    def spool_folder(self, folder: Path) -> Path:
        """Where payloads rest, for the node in `folder`."""
        return folder / self.spool.folder

    def wire_folder(self, folder: Path) -> Path:
        """Where sealed parts wait for a partner, for the node in `folder`."""
        return folder / self.spool.wire_folder

    @property
    def uses_sqlite(self) -> bool:
        """Whether the store is the embedded one."""
        return self.store.url.startswith("sqlite")
