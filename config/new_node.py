"""A node folder that runs as it is: configuration, keys, credentials, directory and card."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from config import credentials
from config.authorities import authorities_of
from config.card_file import FILE as CARD_FILE
from config.card_file import Card, SuiteCertificates, card_text
from config.credentials import AUDITOR, Credential, credentials_text, new_token, token_digest
from config.directory import load_directory
from config.faults import ConfigRefused, Fault, refuse_if
from config.node import PARTNERS_FOLDER, SETTINGS_FILE, STATES_FOLDER
from config.settings import UNREGISTERED
from config.settings_text import settings_text, suite_text
from config.signed_directory import sign_files, signing
from keys.certificates import pem
from keys.files import PUBLIC_FILE_MODE, TIGHT_FILE_MODE, make_tight_folder, write_new
from keys.pki import LOCAL_HOSTS, Issued, IssuedKind, ThrowAwayAuthority
from keys.ring import FileSigner, KeyPair
from keys.storage_key import StorageKey
from keys.uri import KeyUri
from protocol.as4.suites import EDELIVERY_20, EDELIVERY_115, SUITES, Suite

KEYS_FOLDER = "keys"
DATA_FOLDER = "data"
DEFAULT_SUITES = (EDELIVERY_20, EDELIVERY_115)  # the present profile, and the one most still speak
_PROFILE = "edelivery-as4"
SIGNED_BY = "hanoi-gateway init"  # a person has still to compare the records with their sources
DEFAULT_AS4_PORT = 8443
DEFAULT_LOCAL_PORT = 8480


@dataclass(frozen=True, slots=True)
class NewNode:
    """What `write_node` wrote."""

    folder: Path
    state: str
    authorities: tuple[str, ...]
    card: Path


def write_node(
    folder: Path,
    state: str,
    *,
    as4_port: int = DEFAULT_AS4_PORT,
    local_port: int = DEFAULT_LOCAL_PORT,
    host: str = "127.0.0.1",
    public_url: str | None = None,
    hosts: Sequence[str] = LOCAL_HOSTS,
    suites: Sequence[Suite] = DEFAULT_SUITES,
    now: datetime | None = None,
) -> NewNode:
    """`folder` is a whole node of `state`, for nobody else to enter. Raises ConfigRefused.

    `public_url` is where partners reach it, `hosts` the names and addresses that its TLS
    certificate is good for; it has keys for each of `suites`. All is written beside `folder` and
    moved there at the end: a node is whole or absent. The keys come from a throw-away authority.
    """
    folder = folder.absolute()
    draft = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    url = public_url or f"https://127.0.0.1:{as4_port}/as4"
    _refuse_existing(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    make_tight_folder(draft)
    try:
        authorities = _write_directory(draft, state)
        _write_text(
            draft / SETTINGS_FILE,
            settings_text(
                state, party_id(state), as4_port, local_port, host, url, _suite_tables(suites)
            ),
        )
        _write_credentials(draft, (*authorities, AUDITOR))
        card = _write_keys(draft, state, url, hosts, suites, now or datetime.now(UTC))
        _sign_directory(draft, suites[0], now or datetime.now(UTC))
        write_new(draft / CARD_FILE, card_text(card).encode(), PUBLIC_FILE_MODE)
        for name in (PARTNERS_FOLDER, DATA_FOLDER):
            make_tight_folder(draft / name)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return NewNode(folder, state, authorities, folder / CARD_FILE)


def suites_named(ids: Sequence[str]) -> tuple[Suite, ...]:
    """The suites with these `ids`, each once. Raises ConfigRefused for one that there is not."""
    unknown = [one for one in ids if one not in SUITES]
    refuse_if(Fault("--suite", f"{one!a} is none of {', '.join(SUITES)}") for one in unknown)
    return tuple(SUITES[one] for one in dict.fromkeys(ids))


def party_id(state: str) -> str:
    """The eb:PartyId that a new node of `state` has."""
    return f"{state.lower()}-gateway"


def _refuse_existing(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise ConfigRefused(
            [Fault(str(folder), "is there already and is never overwritten; name a new folder")]
        )


def _write_directory(draft: Path, state: str) -> tuple[str, ...]:
    """The directory that comes with the gateway, and the authorities of `state` in it."""
    make_tight_folder(draft / STATES_FOLDER)
    shipped = {
        source.name: source.read_bytes()
        for source in files("config").joinpath("states").iterdir()
        if source.name.endswith(".toml")
    }
    if f"{state}.toml" not in shipped:
        known = ", ".join(sorted(name.removesuffix(".toml") for name in shipped))
        raise ConfigRefused([Fault("--state", f"{state!a} is in no directory of ours: {known}")])
    for name, octets in shipped.items():
        write_new(draft / STATES_FOLDER / name, octets, TIGHT_FILE_MODE)
    return authorities_of(load_directory(draft / STATES_FOLDER), state)


def _sign_directory(draft: Path, suite: Suite, now: datetime) -> None:
    """Every record is signed with the key by which we sign first."""
    signing_name, _ = _file_names(suite)
    uri = KeyUri.parse(f"file:{KEYS_FOLDER}/{signing_name}.key.pem", draft)
    pair = KeyPair.load(uri, draft / KEYS_FOLDER / f"{signing_name}.cert.pem")
    sign_files(draft / STATES_FOLDER, (), SIGNED_BY, now, signing(FileSigner(pair), suite))


def _write_credentials(draft: Path, holders: Sequence[str]) -> None:
    make_tight_folder(draft / credentials.FOLDER)
    accepted = []
    for holder in holders:
        token = new_token()
        _write_text(draft / credentials.FOLDER / f"{holder}.token", token + "\n")
        accepted.append(Credential(holder, token_digest(token)))
    _write_text(draft / credentials.FILE, credentials_text(accepted))


def _write_keys(
    draft: Path, state: str, url: str, hosts: Sequence[str], suites: Sequence[Suite], now: datetime
) -> Card:
    """The keys folder, and the card that shows what is public of it."""
    folder = draft / KEYS_FOLDER
    make_tight_folder(folder)
    authority = ThrowAwayAuthority(state, now)
    tls = authority.issue_tls(state, hosts)
    _write_pair(folder, "tls", tls, pem(authority.certificate))
    StorageKey.generate().write(folder / "storage.key")
    return Card(
        state,
        url,
        party_id(state),
        UNREGISTERED,
        (tls.certificate,),
        {suite.id: _write_suite(folder, state, suite, authority) for suite in suites},
    )


def _write_suite(
    folder: Path, state: str, suite: Suite, authority: ThrowAwayAuthority
) -> SuiteCertificates:
    signing = authority.issue_signing(state, IssuedKind(suite.signing_kinds[0].value))
    encryption = authority.issue_encryption(state, IssuedKind(suite.encryption_kinds[0].value))
    for name, issued in zip(_file_names(suite), (signing, encryption), strict=True):
        _write_pair(folder, name, issued, pem(authority.certificate))
    return SuiteCertificates((signing.certificate,), (encryption.certificate,))


def _suite_tables(suites: Sequence[Suite]) -> str:
    return "\n".join(suite_text(suite.id, *_file_names(suite)) for suite in suites)


def _file_names(suite: Suite) -> tuple[str, str]:
    """What the files of the two pairs begin with; those of 1.15 are called as they always were."""
    profile = "" if suite is EDELIVERY_115 else suite.id.removeprefix(_PROFILE)
    return f"sign{profile}", f"encrypt{profile}"


def _write_pair(folder: Path, name: str, issued: Issued, issuer_pem: bytes) -> None:
    write_new(folder / f"{name}.key.pem", issued.private_key_pem(), TIGHT_FILE_MODE)
    chain = issued.certificate_pem() + issuer_pem
    write_new(folder / f"{name}.cert.pem", chain, TIGHT_FILE_MODE)


def _write_text(path: Path, text: str) -> None:
    write_new(path, text.encode("utf-8"), TIGHT_FILE_MODE)
