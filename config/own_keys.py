"""What this node holds itself: keys loaded once, each fit for what it is there for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from config.reading import Collected, place
from config.settings import KeySettings, Settings, SuiteKeysSettings
from config.suites import defect_for
from keys.identity import PartnerIdentity
from keys.ring import FileDecrypter, FileSigner, KeyPair
from keys.storage_key import StorageKey
from keys.trust import Purpose, defect_of
from keys.uri import KeyUri
from protocol.as4.suites import SUITES, Suite


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What the TLS library needs: the key in PEM, and the certificate, then its issuers."""

    private_key_pem: bytes = field(repr=False)
    certificates: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class SuiteKeys:
    """What signs for us and opens what is ours, with the partners of one suite."""

    signer: FileSigner
    decrypters: tuple[FileDecrypter, ...]


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Every key of this node, and how partners know us by them. `suites` is by suite id."""

    suites: Mapping[str, SuiteKeys]
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
        tls = self._pair(("tls",), named.tls, Purpose.TLS_CLIENT, Purpose.TLS_SERVER)
        suites = {
            suite_id: self._suite(SUITES[suite_id], of_suite)
            for suite_id, of_suite in named.suites.items()
        }
        storage = self._found.attempt(lambda: StorageKey.load(self._folder / named.storage))
        self._found.refuse_if_any()
        if tls is None or storage is None:
            raise RuntimeError("a key is missing although no fault was found")
        whole = {suite_id: keys for suite_id, keys in suites.items() if keys is not None}
        return OwnKeys(
            suites=whole,
            tls=TlsMaterial(tls.private_key_pem(), (tls.certificate, *tls.chain)),
            storage_key=storage,
            identity=self._identity(tls, whole),
        )

    def _suite(self, suite: Suite, named: SuiteKeysSettings) -> SuiteKeys | None:
        """The keys for `suite`, or None where one is at fault: it is among the faults then."""
        at = ("suites", suite.id)
        signing = self._pair((*at, "signing"), named.signing, Purpose.SIGNING, suite=suite)
        decryption = [
            self._pair((*at, "decryption", position), pair, Purpose.ENCRYPTION, suite=suite)
            for position, pair in enumerate(named.decryption)
        ]
        opened = tuple(FileDecrypter(pair) for pair in decryption if pair is not None)
        if signing is None or len(opened) != len(decryption):
            return None
        return SuiteKeys(FileSigner(signing), opened)

    def _pair(
        self,
        keys: tuple[str | int, ...],
        named: KeySettings,
        *purposes: Purpose,
        suite: Suite | None = None,
    ) -> KeyPair | None:
        """The pair that `named` names, fit for `purposes`; None, and a fault, where it is not."""
        pair = self._found.attempt(lambda: self._load(named))
        if pair is None:
            return None
        defects = [_defect(pair.certificate, purpose, suite) for purpose in purposes]
        for defect in filter(None, defects):
            where = place(self._path, "keys", *keys, "certificate")
            self._found.add(where, f"{named.certificate} {defect}; have another one issued")
        return None if any(defects) else pair

    def _load(self, named: KeySettings) -> KeyPair:
        uri = KeyUri.parse(named.key, self._folder)
        return KeyPair.load(uri, self._folder / named.certificate)

    def _identity(self, tls: KeyPair, suites: Mapping[str, SuiteKeys]) -> PartnerIdentity:
        party = self._settings.party
        return PartnerIdentity(
            state=self._settings.state,
            party_id=party.id,
            party_type=party.type,
            tls_certificates=(tls.certificate,),
            signing_certificates=tuple(keys.signer.certificate for keys in suites.values()),
            encryption_certificates=tuple(
                decrypter.certificate for keys in suites.values() for decrypter in keys.decrypters
            ),
        )


def _defect(certificate: x509.Certificate, purpose: Purpose, suite: Suite | None) -> str | None:
    if suite is None:
        return defect_of(certificate, purpose)
    return defect_for(certificate, purpose, suite)
