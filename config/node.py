"""One node folder, read once and whole: what is wrong with it is said all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from config.consistency import directory_faults, settings_faults
from config.credentials import FILE as CREDENTIALS_FILE
from config.credentials import Credentials, load_credentials
from config.directory import read_records
from config.faults import ConfigRefused, Fault
from config.in_force import RecordsInForce
from config.own_keys import OwnKeys, SuiteKeys, TlsMaterial, load_own_keys
from config.partner import Partner, read_partner
from config.partner_patterns import shared_channels
from config.partner_settings import Updates
from config.policy import load_policy, times_of
from config.reading import Collected, place, read_shape
from config.settings import SQLITE_PREFIX, Settings
from config.signed_directory import verified_records
from config.toml_text import quoted
from keys.files import check_folder, check_nobody_else_writes, read_tight
from keys.identity import PartnerIdentity, shared_keys
from keys.refusal import KeyRefused
from keys.ring import FileDecrypter, FileSigner
from keys.storage_key import StorageKey
from protocol.as4.pmode import PMode
from protocol.as4.suites import SUITES, Suite
from protocol.convention.directory import Directory, StateRecord
from protocol.convention.lifecycle.policy import Times

SETTINGS_FILE = "gateway.toml"
PARTNERS_FOLDER = "partners"
STATES_FOLDER = "states"

__all__ = ["Node", "TlsMaterial", "load_node"]


@dataclass(frozen=True, slots=True)
class Node:
    """Everything that one gateway knows when it starts. `partners` and `pmodes` go in parallel."""

    folder: Path
    settings: Settings
    directory: Directory  # of the records in force
    records: RecordsInForce
    credentials: Credentials = field(repr=False)
    pmodes: tuple[PMode, ...]
    partners: tuple[PartnerIdentity, ...]
    suite_keys: Mapping[str, SuiteKeys]
    tls: TlsMaterial
    storage_key: StorageKey
    own_identity: PartnerIdentity
    store_url: str = field(repr=False)  # may hold a password
    times: Times
    updates_at_once: frozenset[str] = frozenset()  # partners whose updates wait for nobody

    def signer_for(self, suite: Suite) -> FileSigner:
        """What signs for us by `suite`. A loaded node has keys for each suite of its P-Modes."""
        return self.suite_keys[suite.id].signer

    def decrypters_for(self, suite: Suite) -> tuple[FileDecrypter, ...]:
        """What opens for us by `suite`."""
        return self.suite_keys[suite.id].decrypters

    @property
    def suite_for_strangers(self) -> Suite:
        """By which we sign an answer to somebody with whom we agreed on nothing: the oldest suite
        that we hold, because it is the one that most can read."""
        return [suite for suite in SUITES.values() if suite.id in self.suite_keys][-1]


def load_node(folder: Path) -> Node:
    """The node in `folder`. Raises ConfigRefused with every fault that keeps it from running."""
    folder = folder.absolute()
    found = Collected()
    found.faults.extend(_writable_by_others(folder))
    path = folder / SETTINGS_FILE
    settings = found.attempt(lambda: read_shape(Settings, path))
    read = found.attempt(lambda: read_records(folder / STATES_FOLDER))
    directory = Directory({code: one for code, (_, one) in read.items()}) if read else None
    policy = found.attempt(lambda: load_policy(folder))
    credentials = found.attempt(lambda: load_credentials(folder))
    if settings is None:
        raise ConfigRefused(found.faults)
    found.faults.extend(settings_faults(settings, path))
    own = found.attempt(lambda: load_own_keys(folder, settings, path))
    partners = _load_partners(folder, settings, found)
    store_url = found.attempt(lambda: _store_url(folder, settings))
    _check_distinct(own, partners, folder, found)
    _check_suites(settings, partners, found)
    for sentence in shared_channels([partner.pmode for partner in partners]):
        found.add(folder / PARTNERS_FOLDER, sentence)
    if directory is not None:
        found.faults.extend(directory_faults(directory, credentials, settings, folder))
    records = _vouched_for(folder, read, own, found)
    found.refuse_if_any()
    if policy is None or records is None or credentials is None or own is None or store_url is None:
        raise ConfigRefused(found.faults)
    in_force = Directory(records)
    return Node(
        folder=folder,
        settings=settings,
        directory=in_force,
        records=records,
        credentials=credentials,
        pmodes=tuple(partner.pmode for partner in partners),
        partners=tuple(partner.identity for partner in partners),
        suite_keys=own.suites,
        tls=own.tls,
        storage_key=own.storage_key,
        own_identity=own.identity,
        store_url=store_url,
        times=times_of(policy, in_force),
        updates_at_once=frozenset(
            partner.identity.state for partner in partners if partner.updates is Updates.AT_ONCE
        ),
    )


def partner_files(folder: Path) -> list[Path]:
    """The P-Modes of the node in `folder`, in the order of their States."""
    return sorted((folder / PARTNERS_FOLDER).glob("*.toml"))


def _vouched_for(
    folder: Path,
    read: Mapping[str, tuple[bytes, StateRecord]] | None,
    own: OwnKeys | None,
    found: Collected,
) -> RecordsInForce | None:
    """The records, each signed with a key of this node; None, and a fault, where one is not."""
    if read is None or own is None:
        return None
    certificates = own.identity.signing_certificates
    signed = found.attempt(lambda: verified_records(folder / STATES_FOLDER, read, certificates))
    return RecordsInForce(signed) if signed is not None else None


def _load_partners(folder: Path, settings: Settings, found: Collected) -> tuple[Partner, ...]:
    read = [found.attempt(partial(read_partner, path, settings)) for path in partner_files(folder)]
    return tuple(partner for partner in read if partner is not None)


def _check_distinct(
    own: OwnKeys | None, partners: Sequence[Partner], folder: Path, found: Collected
) -> None:
    """No key and no party may stand for two States, ours among them (threats K05, K09)."""
    known = [partner.identity for partner in partners]
    for sentence in shared_keys(known if own is None else [own.identity, *known]):
        found.add(folder / PARTNERS_FOLDER, sentence)


def _check_suites(settings: Settings, partners: Sequence[Partner], found: Collected) -> None:
    """For each suite that we agreed on with somebody we have keys ourselves."""
    for partner in partners:
        suite = partner.pmode.suite.id
        if suite not in settings.keys.suites:
            found.add(
                place(partner.path, "security", "suite"),
                f"is {suite}, for which {SETTINGS_FILE} has no keys; add "
                f"[keys.suites.{quoted(suite)}] there, or agree on another suite",
            )


def _writable_by_others(folder: Path) -> Iterator[Fault]:
    files = [folder / SETTINGS_FILE, folder / CREDENTIALS_FILE, *partner_files(folder)]
    for check, paths in ((check_folder, [folder]), (check_nobody_else_writes, files)):
        for path in paths:
            try:
                check(path)
            except KeyRefused as e:
                yield Fault(str(e.path), e.sentence)


def _store_url(folder: Path, settings: Settings) -> str:
    """The URL of the store with its path made absolute, or with its password put in."""
    url, password_file = settings.store.url, settings.store.password_file
    if url.startswith(SQLITE_PREFIX):
        return f"{SQLITE_PREFIX}{folder / url.removeprefix(SQLITE_PREFIX)}"
    if password_file is None:
        return url
    password = read_tight(folder / password_file).decode("utf-8").strip()
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()
