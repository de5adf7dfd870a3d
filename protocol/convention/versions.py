"""Which versions of the documents are live: namespaces, schema, and the version that JSON names.

A new version is a new folder of schemas with namespaces of its own, a line in the catalogue, a line
here, and rules of its own in protocol.convention.rules. The old one stays until its partners are
gone: a document is read by the version that its root element names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from protocol.convention.kinds import COMMON, DOCUMENTS


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the documents."""

    documents: str  # the namespace of the root elements
    common: str  # the namespace of the shared types
    schema: str  # its name in the catalogue
    spec: str  # specVersion, as documents and their JSON form say it


CURRENT: Final = Version(DOCUMENTS, COMMON, "documents", "1.0")
VERSIONS: Final[dict[str, Version]] = {CURRENT.documents: CURRENT}
"""The versions that are live, by the namespace of their documents."""


def version_of(root: etree._Element) -> Version | None:
    """The version of the document `root`; None if its namespace is none of ours."""
    return VERSIONS.get(etree.QName(root).namespace or "")


def version_said(content: Any) -> Version:
    """The version that the JSON object of a document names, else the current one."""
    said = content.get("@specVersion") if isinstance(content, dict) else None
    return next((one for one in VERSIONS.values() if one.spec == said), CURRENT)
