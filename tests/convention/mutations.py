"""Valid documents made invalid in one place each, by what the schema says of that place.

Every way of spoiling a document is one function: it takes the element and its declaration and
changes the tree, or says that it cannot. What it changed has no valid reading by construction, and
the names that it returns are those of which a finding must speak.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree
from xmlschema.validators import XsdElement

from protocol.convention.declarations import children_of, declaration_at, path_of
from protocol.convention.versions import CURRENT
from schemas.catalogue import example, example_names

NONSENSE = "~ no such value ~"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
# Where the schema offers a choice, what is missing may be missing.
IN_A_CHOICE = {"Identifier", "IpPoint", "IdentifierListRef", "ProviderRef", "Description"}

Names = tuple[str, ...]
Way = Callable[[etree._Element, XsdElement], Names | None]


@dataclass(frozen=True)
class Mutation:
    """A spoiled document; a finding must speak of one of `names` at or below `place`."""

    example: str
    way: str
    names: Names
    place: str  # the element around what was changed
    octets: bytes

    def is_told_by(self, path: str, *said: str) -> bool:
        """Whether a finding at `path` that says `said` shows where the fault is."""
        there = path == self.place or path.startswith(f"{self.place}/")
        words = " ".join((path.removeprefix(self.place), *said))
        if self.place.rpartition("/")[2].partition("[")[0] in self.names:
            words += self.place  # the place itself is what was changed
        named = (re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words) for name in self.names)
        return there and any(named)


def mutations(count: int, seed: int) -> Iterator[Mutation]:
    """`count` spoiled documents, always the same for one `seed`; every example has its turn."""
    choice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    examples = example_names()
    for number in range(count):
        yield _one(examples[number % len(examples)], WAYS[number % len(WAYS)], choice)


def _one(name: str, way: Way, choice: random.Random) -> Mutation:
    original = etree.fromstring(example(name))
    places = list(range(sum(1 for _ in original.iter(etree.Element))))
    choice.shuffle(places)
    for wanted in (way, *WAYS):  # the wanted way first; another one where it has no place
        for place in places:
            root = deepcopy(original)
            element = list(root.iter(etree.Element))[place]
            declaration = declaration_at(path_of(element), CURRENT.schema)
            assert isinstance(declaration, XsdElement)
            around = element.getparent()
            around_path = path_of(element if around is None else around)
            names = wanted(element, declaration)
            if names:
                octets = etree.tostring(root)
                return Mutation(name, wanted.__name__, names, around_path, octets)
    raise AssertionError(f"{name} has no place to spoil")


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def without_a_required_element(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An element that must be there is gone."""
    parent = element.getparent()
    alone = parent is not None and len(parent.findall(str(element.tag))) == 1
    if not alone or declaration.min_occurs == 0 or _name(element) in IN_A_CHOICE:
        return None
    parent.remove(element)
    return (_name(element),)


def renamed(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An element has a name that nobody knows."""
    if element.getparent() is None:
        return None
    element.tag = f"{element.tag}s"
    return (_name(element),)


def in_another_namespace(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An element has the right name in a wrong namespace."""
    if element.getparent() is None:
        return None
    element.tag = f"{{urn:example:elsewhere}}{_name(element)}"
    return (_name(element),)


def too_often(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An element that stands once stands twice."""
    if element.getparent() is None or declaration.max_occurs != 1:
        return None
    element.addnext(deepcopy(element))
    return (_name(element),)


def out_of_order(element: etree._Element, declaration: XsdElement) -> Names | None:
    """Two neighbours have changed places."""
    following = element.getnext()
    if following is None or following.tag == element.tag:
        return None
    following.addnext(element)
    return _name(element), _name(following)


def with_a_stranger(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An element holds another one that has no place in it."""
    if not children_of(declaration):
        return None
    element.insert(0, etree.Element("{urn:uncc:cmn:1}Colour"))
    return ("Colour",)


def with_a_wrong_value(element: etree._Element, declaration: XsdElement) -> Names | None:
    """A value is none of its type."""
    if len(element) or declaration.type.is_valid(NONSENSE) or element.attrib:
        return None
    element.text = NONSENSE
    return (_name(element),)


def emptied(element: etree._Element, declaration: XsdElement) -> Names | None:
    """A value is gone, its element has stayed."""
    if len(element) or not element.text or declaration.type.is_valid(""):
        return None
    element.text = ""
    return (_name(element),)


def with_words_between(element: etree._Element, declaration: XsdElement) -> Names | None:
    """Text stands where only elements may."""
    if not len(element):
        return None
    element.text = "please"
    return (_name(element),)


def without_an_attribute(element: etree._Element, declaration: XsdElement) -> Names | None:
    """A required attribute is gone."""
    required = [name for name in element.attrib if declaration.attributes[name].use == "required"]
    if not required:
        return None
    del element.attrib[required[-1]]
    return (str(required[-1]),)


def with_a_wrong_attribute(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An attribute has a value that is none of its type."""
    for name in element.attrib:
        if not declaration.attributes[name].type.is_valid(NONSENSE):
            element.set(name, NONSENSE)
            return (str(name),)
    return None


def with_a_strange_attribute(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An attribute that nobody knows."""
    element.set("colour", "red")
    return ("colour",)


def in_disguise(element: etree._Element, declaration: XsdElement) -> Names | None:
    """An element claims to be of another type."""
    if not children_of(declaration) or declaration.type.local_name == "Place":
        return None
    element.set(XSI_TYPE, "c:Place")
    return (_name(element),)


def referring_to_nothing(element: etree._Element, declaration: XsdElement) -> Names | None:
    """A reference names what the document does not have."""
    if not _name(element).endswith("Ref") or len(element):
        return None
    element.text = "nothing-of-this-name"
    return (_name(element),)


def without_an_original(element: etree._Element, declaration: XsdElement) -> Names | None:
    """A text has translations only."""
    if _name(element) != "Text" or element.get("kind") != "ORIGINAL":
        return None
    element.set("kind", "TRANSLATION")
    parent = element.getparent()
    assert parent is not None
    return (_name(parent),)


WAYS: tuple[Way, ...] = (
    without_a_required_element,
    renamed,
    in_another_namespace,
    too_often,
    out_of_order,
    with_a_stranger,
    with_a_wrong_value,
    emptied,
    with_words_between,
    without_an_attribute,
    with_a_wrong_attribute,
    with_a_strange_attribute,
    in_disguise,
    referring_to_nothing,
    without_an_original,
)
