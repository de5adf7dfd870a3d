"""Signing and checking the State directory of a node folder whose gateway need not run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from config.directory import read_records
from config.node import SETTINGS_FILE, STATES_FOLDER
from config.own_keys import OwnKeys, load_own_keys
from config.reading import read_shape
from config.settings import Settings
from config.signed_directory import SignedRecord, sign_files, signing, verified_records
from protocol.as4.suites import SUITES


def sign_directory(node: Path, states: Sequence[str], by: str, at: datetime) -> list[str]:
    """The records of `states` (all, if none is named) are signed; returns which.

    Raises ConfigRefused, and nothing has been signed then.
    """
    keys = _own_keys(node)
    suite = next(suite for suite in SUITES.values() if suite.id in keys.suites)
    sign = signing(keys.suites[suite.id].signer, suite)
    return sign_files(node / STATES_FOLDER, states, by, at, sign)


def signed_records(node: Path) -> dict[str, SignedRecord]:
    """Every record of the node in the folder `node`, by State, each with a signature that holds.

    Raises ConfigRefused.
    """
    folder = node / STATES_FOLDER
    certificates = _own_keys(node).identity.signing_certificates
    return verified_records(folder, read_records(folder), certificates)


def _own_keys(node: Path) -> OwnKeys:
    folder = node.absolute()
    path = folder / SETTINGS_FILE
    return load_own_keys(folder, read_shape(Settings, path), path)
