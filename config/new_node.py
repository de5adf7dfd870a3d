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
from config.card_file import card_text
from config.credentials import AUDITOR, Credential, credentials_text, new_token, token_digest
from config.directory import load_directory
from config.faults import ConfigRefused, Fault
from config.node import PARTNERS_FOLDER, SETTINGS_FILE, STATES_FOLDER
from config.settings import UNREGISTERED
from config.settings_text import settings_text
from keys.certificates import pem
from keys.files import PUBLIC_FILE_MODE, TIGHT_FILE_MODE, make_tight_folder, write_new
from keys.identity import PartnerIdentity
from keys.pki import LOCAL_HOSTS, Issued, ThrowAwayAuthority
from keys.storage_key import StorageKey

KEYS_FOLDER = "keys"
DATA_FOLDER = "data"
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
    now: datetime | None = None,
) -> NewNode:
    """`folder` is a whole node of `state`, for nobody else to enter. Raises ConfigRefused.

    `public_url` is where partners reach it, `hosts` the names and addresses that its TLS
    certificate is good for. All is written beside `folder` and moved there at the end: a node is
    whole or absent. The keys come from a throw-away authority.
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
            settings_text(state, party_id(state), as4_port, local_port, host, url),
        )
        _write_credentials(draft, (*authorities, AUDITOR))
        identity = _write_keys(draft, state, hosts, now or datetime.now(UTC))
        write_new(draft / CARD_FILE, card_text(url, identity).encode(), PUBLIC_FILE_MODE)
        for name in (PARTNERS_FOLDER, DATA_FOLDER):
            make_tight_folder(draft / name)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return NewNode(folder, state, authorities, folder / CARD_FILE)


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


def _write_credentials(draft: Path, holders: Sequence[str]) -> None:
    make_tight_folder(draft / credentials.FOLDER)
    accepted = []
    for holder in holders:
        token = new_token()
        _write_text(draft / credentials.FOLDER / f"{holder}.token", token + "\n")
        accepted.append(Credential(holder, token_digest(token)))
    _write_text(draft / credentials.FILE, credentials_text(accepted))


def _write_keys(draft: Path, state: str, hosts: Sequence[str], now: datetime) -> PartnerIdentity:
    make_tight_folder(draft / KEYS_FOLDER)
    authority = ThrowAwayAuthority(state, now)
    tls = authority.issue_tls(state, hosts)
    signing = authority.issue_signing(state)
    encryption = authority.issue_encryption(state)
    for name, issued in (("tls", tls), ("sign", signing), ("encrypt", encryption)):
        _write_pair(draft / KEYS_FOLDER, name, issued, pem(authority.certificate))
    StorageKey.generate().write(draft / KEYS_FOLDER / "storage.key")
    return PartnerIdentity(
        state,
        party_id(state),
        UNREGISTERED,
        (tls.certificate,),
        (signing.certificate,),
        (encryption.certificate,),
    )


def _write_pair(folder: Path, name: str, issued: Issued, issuer_pem: bytes) -> None:
    write_new(folder / f"{name}.key.pem", issued.private_key_pem(), TIGHT_FILE_MODE)
    chain = issued.certificate_pem() + issuer_pem
    write_new(folder / f"{name}.cert.pem", chain, TIGHT_FILE_MODE)


def _write_text(path: Path, text: str) -> None:
    write_new(path, text.encode("utf-8"), TIGHT_FILE_MODE)
