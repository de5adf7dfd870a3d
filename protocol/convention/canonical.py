"""A document of any live version in the names of the current one, in which rules and readers speak.

A version that only adds to the current one (protocol.convention.versions) is brought to its names
once, right after it was found valid. A document of the current version is what it is, and costs one
comparison. What is not live, or changes more than a reader can know, is refused with its place and
its remedy: a rule that finds none of its elements would pass, and say nothing.

Source: rule UNCC-R17; Convention article 40(14).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from lxml import etree

from protocol.convention.findings import DocumentRefused, Finding, line_of
from protocol.convention.kinds import DOCUMENTS
from protocol.convention.versions import CURRENT, VERSIONS, Version, changed_by, version_of
from protocol.convention.vocabulary import KINDS

_CURRENT: Final = f"{{{DOCUMENTS}}}"
_RULE: Final = "UNCC-R17"
_ARTICLE: Final = "40(14)"


class NotCanonical(ValueError):
    """A rule or a reader was given a document that is not in the names of the current version."""


def live_version(root: etree._Element) -> Version:
    """The live version of the document `root`, which can be read. Raises DocumentRefused."""
    version = version_of(root)
    if version is None:
        raise DocumentRefused([unknown_document(root)])
    if version is not CURRENT and changed_by(version):
        raise DocumentRefused([_not_readable(root, version)])
    return version


def canonical(root: etree._Element) -> etree._Element:
    """The document `root` in the names of the current version; `root` itself if it has them.

    Otherwise a copy: what is hashed or shown as it was written is read in `root`. Lines stay those
    of `root`. What the newer version added is in it, too. Raises DocumentRefused.
    """
    if str(root.tag).startswith(_CURRENT):
        return root
    names = live_version(root).names
    copy = deepcopy(root)
    for element in copy.iter(etree.Element):
        name = etree.QName(element)
        own = names.get(name.namespace or "")
        if own is not None:
            element.tag = f"{{{own}}}{name.localname}"
    return copy


def require_canonical(root: etree._Element) -> None:
    """Raises NotCanonical where rules would look for names that `root` cannot have."""
    if not str(root.tag).startswith(_CURRENT):
        raise NotCanonical(f"{root.tag} is not in the namespace {DOCUMENTS}")


def unknown_document(root: etree._Element) -> Finding:
    """That its version or its kind is not known; of a kind that we know, the remedy is that kind.

    For `root` of which one of the two is unknown.
    """
    name = etree.QName(root)
    namespace = name.namespace or "(none)"
    message = f"no document of this kind in the namespace {namespace}"
    wanted = ", ".join(KINDS)
    if name.localname in KINDS:
        message = f"no version of the documents with the namespace {namespace} is live here"
        wanted = name.localname
    return _finding(root, message, f"{wanted} in the namespace {' or '.join(_readable())}")


def _not_readable(root: etree._Element, version: Version) -> Finding:
    changed = ", ".join(changed_by(version))
    message = (
        f"version {version.spec} changes what version {CURRENT.spec} has, so that no rule can be "
        f"asked: {changed}"
    )
    kind = etree.QName(root).localname
    return _finding(root, message, f"{kind} in the namespace {' or '.join(_readable())}")


def _readable() -> list[str]:
    return [one.documents for one in VERSIONS.values() if not changed_by(one)]


def _finding(root: etree._Element, message: str, expected: str) -> Finding:
    place = f"/{etree.QName(root).localname}"
    return Finding(_RULE, place, line_of(root), message, expected, _ARTICLE)
