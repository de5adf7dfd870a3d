"""What this node holds itself: keys loaded once, each fit for what it is there for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from config.reading import Collected, place
from config.settings import KeySettings, Settings
from keys.identity import PartnerIdentity
from keys.ring import FileDecrypter, FileSigner, KeyPair
from keys.storage_key import StorageKey
from keys.trust import Purpose, defect_of
from keys.uri import KeyUri


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What the TLS library needs: the key in PEM, and the certificate, then its issuers."""

    private_key_pem: bytes = field(repr=False)
    certificates: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Every key of this node, and how partners know us by them."""

    signer: FileSigner
    decrypters: tuple[FileDecrypter, ...]
    tls: TlsMaterial
    storage_key: StorageKey
    identity: PartnerIdentity


def load_own_keys(folder: Path, settings: Settings, path: Path) -> OwnKeys:
    """The keys that `settings` (from the file `path`) names. Raises ConfigRefused."""
    return _Loading(folder, settings, path).whole()


class _Loading:
    def __init__(self, folder: Path, settings: Settings, path: Path) -> None:
        self._folder = folder
        self._settings = settings
        self._path = path
        self._found = Collected()

    def whole(self) -> OwnKeys:
        named = self._settings.keys
        signing = self._pair(("signing",), named.signing, Purpose.SIGNING)
        tls = self._pair(("tls",), named.tls, Purpose.TLS_CLIENT, Purpose.TLS_SERVER)
        decryption = [
            self._pair(("decryption", position), pair, Purpose.ENCRYPTION)
            for position, pair in enumerate(named.decryption)
        ]
        storage = self._found.attempt(lambda: StorageKey.load(self._folder / named.storage))
        self._found.refuse_if_any()
        opened = [pair for pair in decryption if pair is not None]
        if signing is None or tls is None or storage is None:
            raise RuntimeError("a key is missing although no fault was found")
        return OwnKeys(
            signer=FileSigner(signing),
            decrypters=tuple(FileDecrypter(pair) for pair in opened),
            tls=TlsMaterial(tls.private_key_pem(), (tls.certificate, *tls.chain)),
            storage_key=storage,
            identity=self._identity(signing, tls, opened),
        )

    def _pair(
        self, keys: tuple[str | int, ...], named: KeySettings, *purposes: Purpose
    ) -> KeyPair | None:
        pair = self._found.attempt(lambda: self._load(named))
        if pair is None:
            return None
        for purpose in purposes:
            defect = defect_of(pair.certificate, purpose) or _unfit_key(pair, purpose)
            if defect is not None:
                where = place(self._path, "keys", *keys, "certificate")
                self._found.add(where, f"{named.certificate} {defect}; have another one issued")
        return pair

    def _load(self, named: KeySettings) -> KeyPair:
        uri = KeyUri.parse(named.key, self._folder)
        return KeyPair.load(uri, self._folder / named.certificate)

    def _identity(
        self, signing: KeyPair, tls: KeyPair, decryption: list[KeyPair]
    ) -> PartnerIdentity:
        party = self._settings.party
        return PartnerIdentity(
            state=self._settings.state,
            party_id=party.id,
            party_type=party.type,
            tls_certificates=(tls.certificate,),
            signing_certificates=(signing.certificate,),
            encryption_certificates=tuple(pair.certificate for pair in decryption),
        )


def _unfit_key(pair: KeyPair, purpose: Purpose) -> str | None:
    if purpose in (Purpose.TLS_CLIENT, Purpose.TLS_SERVER):
        return None
    if isinstance(pair.private_key, rsa.RSAPrivateKey):
        return None
    return "has no RSA key, which the suite edelivery-as4-1.15 needs"
