"""Every schema and example that comes with the gateway, by name; nothing is read from elsewhere.

A schema refers to its neighbours by bare file names of its own folder. That is checked before the
first compilation, so neither library is ever asked to resolve a URL: not from our schemas, and not
from a document, whose xsi:schemaLocation is a hint that nobody follows.

`form` with `identity` is for the hot path; `compiled` is the whole schema and about three times
slower; `explainer` is some hundred times slower, and is for saying what is wrong with a refused
document and for its JSON form. Each is made once, when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import xmlschema
from lxml import etree

from schemas.additions import changes
from schemas.identity import Identity, identities, without_constraints

ROOM: Final = Path(__file__).parent
EXAMPLES: Final = ROOM / "examples"
XSD: Final = "{http://www.w3.org/2001/XMLSchema}"

# The first file of each schema. A new version of the documents is a new line with a new name and
# new namespaces, so that two versions live at once (protocol.convention.versions).
SCHEMAS: Final = {
    "documents": "convention/documents.xsd",
    "as4": "as4/messaging.xsd",
    "fragment": "as4/fragment.xsd",
}


# The types that say which version a document is of: they differ between any two.
NAMED_ANEW: Final = frozenset({"SpecVersion", "CodeListVersion"})


class UnknownName(LookupError):
    """The catalogue has nothing of this name."""


class NotClosed(ValueError):
    """A schema of ours refers to something outside its own folder."""


@cache
def compiled(name: str) -> etree.XMLSchema:
    """The schema `name` ("documents", "as4") for validation with lxml, shared by every thread.

    Only its verdict is to be used: `error_log` and `assertValid` mix up the faults of documents
    that threads check at the same time. Who needs the faults takes `compiled_for_one_thread`.
    """
    return compiled_for_one_thread(name)


def compiled_for_one_thread(name: str) -> etree.XMLSchema:
    """The schema `name`, compiled anew (some milliseconds), with an error log of its own."""
    path = _first_file(name)
    return etree.XMLSchema(etree.parse(path, _parser()))


@cache
def form(name: str) -> etree.XMLSchema:
    """The schema `name` without its identity constraints, shared by every thread as `compiled` is.

    Who takes it checks ids and references by `identity`.
    """
    path = _first_file(name)
    parser = _parser()
    parser.resolvers.add(_Bare(path.parent))
    octets = without_constraints(path, _parser())
    return etree.XMLSchema(etree.fromstring(octets, parser, base_url=path.as_uri()))


def identity(name: str, tag: str) -> Identity:
    """The identity constraints of the root element `tag` of the schema `name`."""
    return _identities(name)[tag]


@cache
def _identities(name: str) -> dict[str, Identity]:
    return identities(_first_file(name).parent, _parser())


def changed_in(newer: str, older: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """The first places where the schema `newer` does more than add to `older`; see additions.

    `names` are the namespaces of `newer`, each with the one of `older` whose place it takes.
    """
    before, after = _first_file(older).parent, _first_file(newer).parent
    return changes(before, after, names, NAMED_ANEW)


class _Bare(etree.Resolver):
    """Gives the neighbours of a schema without their identity constraints."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.as_uri(): path for path in folder.glob("*.xsd")}

    def resolve(  # type: ignore[override]  # its stub has no context, which lxml does pass
        self, system_url: str, public_id: str, context: Any
    ) -> Any:
        """The file of ours that `system_url` names; anything else is empty."""
        path = self._files.get(system_url)
        octets = b"" if path is None else without_constraints(path, _parser())
        return self.resolve_string(octets, context, base_url=system_url)


@cache
def explainer(name: str) -> xmlschema.XMLSchema:
    """The same schema for xmlschema, which says precisely what it expected."""
    path = _first_file(name)
    return xmlschema.XMLSchema(
        path.as_uri(),
        base_url=path.parent.as_uri(),
        allow="sandbox",
        defuse="always",
        use_location_hints=False,
    )


def octets(name: str) -> bytes:
    """The file `name` as it is ("convention/documents.xsd"), for whoever publishes the schemas."""
    files = {path.relative_to(ROOM).as_posix(): path for path in sorted(ROOM.rglob("*.xsd"))}
    return _chosen(files, name).read_bytes()


def example_names(form: str = "xml") -> tuple[str, ...]:
    """The names of the valid examples in `form`, "xml" or "json", sorted."""
    return tuple(sorted(path.name for path in EXAMPLES.glob(f"*.{form}")))


def example(name: str) -> bytes:
    """The example document `name`."""
    files = {path.name: path for path in EXAMPLES.iterdir()}
    return _chosen(files, name).read_bytes()


def _chosen(files: dict[str, Path], name: str) -> Path:
    """The file of that exact name: no name from outside ever becomes a path."""
    try:
        return files[name]
    except KeyError as e:
        raise UnknownName(f"{name!r} is not in the catalogue") from e


def _first_file(name: str) -> Path:
    """The file that `name` starts from, in a folder that refers to nothing outside itself."""
    if name not in SCHEMAS:
        raise UnknownName(f"no schema {name!r}; there are {', '.join(SCHEMAS)}")
    path = ROOM / SCHEMAS[name]
    check_closed(path.parent)
    return path


def check_closed(folder: Path) -> None:
    """Every schema in `folder` refers to neighbours only. Raises NotClosed."""
    neighbours = {path.name for path in folder.glob("*.xsd")}
    for path in sorted(folder.glob("*.xsd")):
        tree = etree.parse(path, _parser())
        if tree.docinfo.internalDTD is not None:
            raise NotClosed(f"{path.name} has a document type declaration")
        for reference in tree.iter(f"{XSD}import", f"{XSD}include", f"{XSD}redefine"):
            location = reference.get("schemaLocation")
            if location not in neighbours:
                raise NotClosed(f"{path.name} refers to {location!r}, which is no neighbour")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
