"""A partner's card becomes a P-Mode file that a person can read and edit.

The new file is read back, with its certificates, before it takes its place: a set of P-Modes that
cannot be loaded never stands in the folder, not even for a moment (threat K16).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from config.card_file import Card, card_faults, read_card
from config.directory import load_directory
from config.faults import ConfigRefused, Fault, refuse_if
from config.node import PARTNERS_FOLDER, SETTINGS_FILE, STATES_FOLDER, partner_files
from config.own_keys import load_own_keys
from config.partner import read_partner
from config.partner_text import partner_text
from config.reading import place, read_shape
from config.settings import Settings
from config.toml_text import quoted
from keys.certificates import fingerprint, pem
from keys.files import PUBLIC_FILE_MODE, TIGHT_FILE_MODE, make_tight_folder, write_new
from keys.identity import shared_keys
from protocol.as4.suites import SUITES, Suite

__all__ = ["AddedPartner", "Card", "add_partner", "read_card"]

REPLACED = ".replaced"  # the P-Mode that was there before, kept beside its successor


@dataclass(frozen=True, slots=True)
class AddedPartner:
    """What `add_partner` did. `notes` is what somebody should know before relying on it."""

    state: str
    suite: str
    path: Path
    fingerprints: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def add_partner(
    folder: Path,
    card_path: Path,
    *,
    suite: str | None = None,
    replace: bool = False,
    now: datetime | None = None,
) -> AddedPartner:
    """The State of the card in `card_path` is a partner of the node in `folder`.

    `suite` is the id of the suite agreed on; without it, the first in the table of suites for which
    both sides have keys. Raises ConfigRefused with every fault; nothing has changed then. A partner
    that is there already is replaced only with `replace`; its P-Mode file is kept beside the new
    one. `now` is for tests.
    """
    folder = folder.absolute()
    settings = read_shape(Settings, folder / SETTINGS_FILE)
    card = read_card(card_path)
    target = folder / PARTNERS_FOLDER / f"{card.state}.toml"
    if target.exists() and not replace:
        raise ConfigRefused([Fault(str(target), "is there already; say --replace to replace it")])
    agreed = _agreed_suite(card, settings, suite, card_path, folder / SETTINGS_FILE)
    faults = card_faults(card, agreed, card_path, now or datetime.now(UTC))
    refuse_if([*faults, *_shared(folder, settings, card, card_path)])
    _put(folder, settings, card, agreed, card_path)
    return AddedPartner(
        card.state,
        agreed.id,
        target,
        card.fingerprints(agreed.id),
        tuple(_notes(folder, card)),
    )


def _agreed_suite(
    card: Card, settings: Settings, wanted: str | None, card_path: Path, settings_path: Path
) -> Suite:
    """`wanted`, or the first suite for which both have keys. Raises ConfigRefused."""
    own = settings.keys.suites
    if wanted is None:
        common = [suite for suite in SUITES.values() if suite.id in card.suites and suite.id in own]
        if not common:
            offered = f"is for {', '.join(card.suites)}; {SETTINGS_FILE} has keys for "
            sentence = offered + f"{', '.join(own)}: no suite is in both; one side needs more keys"
            raise ConfigRefused([Fault(place(card_path, "certificates", "suites"), sentence)])
        return common[0]
    refuse_if(_missing(wanted, card, settings, card_path, settings_path))
    return SUITES[wanted]


def _missing(
    wanted: str, card: Card, settings: Settings, card_path: Path, settings_path: Path
) -> Iterator[Fault]:
    """Why the suite `wanted` cannot be agreed on."""
    if wanted not in SUITES:
        yield Fault("--suite", f"{wanted!a} is none of the suites {', '.join(SUITES)}")
        return
    if wanted not in card.suites:
        sentence = f"has no certificates for {wanted}, only for {', '.join(card.suites)}"
        yield Fault(place(card_path, "certificates", "suites"), f"{sentence}; ask for another card")
    if wanted not in settings.keys.suites:
        yield Fault(
            place(settings_path, "keys", "suites"),
            f"has no keys for {wanted}; add [keys.suites.{quoted(wanted)}]",
        )


def _shared(folder: Path, settings: Settings, card: Card, card_path: Path) -> Sequence[Fault]:
    own = load_own_keys(folder, settings, folder / SETTINGS_FILE).identity
    if card.state == own.state:
        return [Fault(str(card_path), f"is the card of {own.state}, this node's own State")]
    others = [read_partner(path, settings).identity for path in partner_files(folder)]
    known = [own, card.identity(*card.suites), *(one for one in others if one.state != card.state)]
    return [Fault(str(card_path), sentence) for sentence in shared_keys(known)]


def _put(folder: Path, settings: Settings, card: Card, suite: Suite, card_path: Path) -> None:
    """Write all beside the target, read it back, and move it in: the P-Mode file last."""
    target = folder / PARTNERS_FOLDER / f"{card.state}.toml"
    draft = folder / PARTNERS_FOLDER / f".new-{card.state}"
    shutil.rmtree(draft, ignore_errors=True)
    make_tight_folder(draft)
    try:
        files = _write_certificates(draft, card, suite)
        text = partner_text(settings.state, card, suite, files)
        write_new(draft / target.name, text.encode(), TIGHT_FILE_MODE)
        _read_back(draft / target.name, settings, card_path)
        for names in files.values():
            for name in names:
                (draft / name).replace(target.parent / name)
        if target.exists():  # copied, not moved: at every moment there is one of the two
            shutil.copy2(target, target.with_name(target.name + REPLACED))
        (draft / target.name).replace(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read_back(draft: Path, settings: Settings, card_path: Path) -> None:
    """Raises ConfigRefused if the gateway could not load `draft`, in the words of the card."""
    try:
        read_partner(draft, settings)
    except ConfigRefused as refused:
        raise ConfigRefused(
            Fault(fault.path.replace(str(draft), str(card_path)), fault.sentence)
            for fault in refused.faults
        ) from refused


def _write_certificates(draft: Path, card: Card, suite: Suite) -> dict[str, tuple[str, ...]]:
    """The names of the PEM files for each use; a name holds the fingerprint, so none collide."""
    held = card.suites[suite.id]
    certificates: dict[str, tuple[x509.Certificate, ...]] = {
        "tls": card.tls,
        "signing": held.signing,
        "encryption": held.encryption,
    }
    names: dict[str, tuple[str, ...]] = {}
    for use in certificates:
        names[use] = tuple(_file_name(card.state, use, one) for one in certificates[use])
        for name, certificate in zip(names[use], certificates[use], strict=True):
            write_new(draft / name, pem(certificate), PUBLIC_FILE_MODE)
    return names


def _file_name(state: str, use: str, certificate: x509.Certificate) -> str:
    return f"{state}.{use}.{fingerprint(certificate)[:16]}.pem"


def _notes(folder: Path, card: Card) -> list[str]:
    directory = load_directory(folder / STATES_FOLDER)
    if card.state in directory.states:
        return []
    return [
        f"{card.state} is not in the State directory: until {STATES_FOLDER}/{card.state}.toml is "
        "there, no request from it or to it finds a competent authority and all are refused"
    ]
