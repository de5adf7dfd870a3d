"""The certificates of one partner, read from beside its file and fit for what they are there for.

Form only: whether they are valid today is asked when they are used, and by `check`.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from config.partner_settings import PartnerSettings
from config.reading import Collected, place
from config.suites import defect_for
from keys.certificates import read_certificates
from keys.refusal import KeyRefused
from keys.trust import Purpose, defect_of
from protocol.as4.suites import SUITES, TokenForm

FORMS_WITH_KEY_IDENTIFIER = (TokenForm.SUBJECT_KEY_IDENTIFIER, TokenForm.X509_SKI)


class PartnerCertificates:
    """The partner's certificates for each purpose; what is unfit is among the faults instead."""

    def __init__(self, read: PartnerSettings, path: Path, found: Collected) -> None:
        self._path = path
        self._found = found
        self._suite = SUITES[read.security.suite]
        named = read.certificates
        self.tls = self._read("tls", named.tls)
        self.signing = self._read("signing", named.signing)
        self.encryption = self._read("encryption", named.encryption)
        self._check_tls(named.tls)
        self._check("signing", self.signing, Purpose.SIGNING)
        self._check("encryption", self.encryption, Purpose.ENCRYPTION)
        if read.security.encryption_token in FORMS_WITH_KEY_IDENTIFIER:
            self._check_key_identifiers()

    def _read(self, use: str, files: tuple[str, ...]) -> tuple[x509.Certificate, ...]:
        return tuple(
            certificate
            for position, name in enumerate(files)
            if (certificate := self._read_one(use, position, name)) is not None
        )

    def _read_one(self, use: str, position: int, name: str) -> x509.Certificate | None:
        where = place(self._path, "certificates", use, position)
        try:
            found = read_certificates(self._path.parent / name)
        except KeyRefused as e:
            self._found.add(where, f"{name} {e.sentence}")
            return None
        if len(found) != 1:
            self._found.add(where, f"{name} holds {len(found)} certificates; give each its file")
        return found[0]

    def _check(
        self, use: str, certificates: tuple[x509.Certificate, ...], purpose: Purpose
    ) -> None:
        for position, certificate in enumerate(certificates):
            defect = defect_for(certificate, purpose, self._suite)
            if defect is not None:
                where = place(self._path, "certificates", use, position)
                self._found.add(where, f"the certificate {defect}; ask the partner for another")

    def _check_tls(self, files: tuple[str, ...]) -> None:
        """For each end of TLS there is one certificate at least, and each is good for one."""
        ends = (Purpose.TLS_CLIENT, Purpose.TLS_SERVER)
        for position, certificate in enumerate(self.tls):
            defects = [defect_of(certificate, end) for end in ends]
            if all(defects):
                where = place(self._path, "certificates", "tls", position)
                self._found.add(where, f"the certificate {defects[0]}; ask the partner for another")
        for end in ends:
            if len(self.tls) == len(files) and all(defect_of(c, end) for c in self.tls):
                where = place(self._path, "certificates", "tls")
                self._found.add(where, f"has no certificate that is fit for {end.value}")

    def _check_key_identifiers(self) -> None:
        for position, certificate in enumerate(self.encryption):
            if not has_key_identifier(certificate):
                self._found.add(
                    place(self._path, "certificates", "encryption", position),
                    "the certificate has no SubjectKeyIdentifier, which security.encryption_token "
                    f'would name; set that to "{TokenForm.ISSUER_SERIAL.value}"',
                )


def has_key_identifier(certificate: x509.Certificate) -> bool:
    """Whether `certificate` can be named by its SubjectKeyIdentifier."""
    try:
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True
