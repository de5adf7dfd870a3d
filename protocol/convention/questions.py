"""Asks for what a document still lacks, one question at a time, by the schema.

Sans-IO: `questions` is a generator that yields a Question and is sent the answer as text. Only what
the schema requires is asked; what is optional is left to the author's own editor. An answer that
the schema does not take is asked for again, with the reason.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from xmlschema.validators import XsdAttribute, XsdElement, XsdGroup

from protocol.convention.declarations import (
    children_of,
    is_repeatable,
    root_declaration,
    source_of,
    words_of,
)
from protocol.convention.drafting import Draft
from protocol.convention.versions import CURRENT
from protocol.convention.vocabulary import KINDS
from schemas.code_lists import code_lists
from schemas.words import Words

#: What the schema leaves open and a rule demands (protocol.convention.rules), by kind.
NEEDED_BY_RULES: Final = {"MlaRequest": ("Facts",)}
#: Elements that hold the id of something, and what they may refer to at the top of a document.
REFERENCES: Final = {
    "PersonRef": "Person",
    "ProviderRef": "Provider",
    "AttachmentRef": "Attachment",
    "IdentifierListRef": "Attachment",
}
YES: Final = frozenset({"y", "yes"})
_TEXTS: Final = {"Text"}


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `choices` are the only answers, with what each means; none: free text.

    `path` is where the answer goes, `article` who asks for it, `help` the schema's own sentence,
    `fault` why the last answer was not taken.
    """

    path: str
    label: str
    help: str = ""
    article: str | None = None
    choices: tuple[tuple[str, str], ...] = ()
    fault: str = ""


Asking = Generator[Question, str, Any]


def questions(
    kind: str, draft: Draft, words: Words, language: str
) -> Generator[Question, str, Draft]:
    """Asks until `draft` has everything that the schema requires; returns the whole.

    `language` is the BCP 47 tag of what is written in words.
    """
    declaration = root_declaration(kind, CURRENT.schema)
    if declaration is None:
        raise LookupError(f"no document {kind!r}")
    whole = dict(draft)
    dialogue = _Dialogue(words, language, frozenset(KINDS[kind].concerns))
    yield from dialogue.content(declaration, whole, kind)
    for name in NEEDED_BY_RULES.get(kind, ()):
        if name not in whole:
            child = children_of(declaration)[name]
            whole[name] = yield from dialogue.element(child, f"{kind}/{name}")
    yield from dialogue.referred(declaration, whole, kind)
    return whole


class _Dialogue:
    def __init__(self, words: Words, language: str, concerns: frozenset[str]) -> None:
        self._words = words
        self._language = language
        self._concerns = concerns  # the kinds that the document may answer or belong to

    def referred(self, declared: XsdElement, whole: Draft, kind: str) -> Asking:
        """Everything that `whole` refers to by its id is in it."""
        children = children_of(declared)
        for name, wanted in sorted(_wanted(whole).items()):
            if name not in children:
                continue
            there = whole.setdefault(name, [])
            for identifier in sorted(wanted - {one.get("@id") for one in there}):
                content: Draft = {"@id": identifier}
                yield from self.content(children[name], content, f"{kind}/{name}/{identifier}")
                there.append(content)
            if not there:
                del whole[name]

    def content(self, declared: XsdElement, content: Draft, path: str) -> Asking:
        """Everything that the element `declared` requires is in `content`."""
        for name, attribute in declared.attributes.items():
            key = f"@{name}"
            if name and attribute.use == "required" and key not in content:
                label = self._words.attribute(str(name))
                content[key] = yield from self._simple(attribute, label, f"{path}/{key}")
        group = getattr(declared.type, "content", None)
        if isinstance(group, XsdGroup):
            yield from self._group(group, content, path)
        elif "$" not in content and declared.attributes and not children_of(declared):
            label = self._words.element(declared.local_name)
            content["$"] = yield from self._simple(declared, label, path)

    def _group(self, group: XsdGroup, content: Draft, path: str) -> Asking:
        if group.model == "choice":
            yield from self._choice(group, content, path)
            return
        for particle in group:
            yield from self._particle(particle, content, path)

    def _particle(self, particle: object, content: Draft, path: str) -> Asking:
        if isinstance(particle, XsdGroup):
            if particle.min_occurs or _names(particle) & content.keys():
                yield from self._group(particle, content, path)
        elif isinstance(particle, XsdElement):
            name = particle.local_name
            if name in content:
                yield from self._complete(particle, content[name], f"{path}/{name}")
            elif particle.min_occurs:
                content[name] = yield from self.element(particle, f"{path}/{name}")

    def _choice(self, group: XsdGroup, content: Draft, path: str) -> Asking:
        options = {self._option(particle): particle for particle in group}
        given = [one for one in options.values() if _names(one) & content.keys()]
        if given:
            whole = (one for one in given if _required(one) <= content.keys())
            yield from self._particle(next(whole, given[0]), content, path)
            return
        if len(options) == 1:
            chosen = next(iter(options))
        else:
            question = Question(
                path,
                self._words.phrase("which of these"),
                choices=tuple((key, self._told(particle)) for key, particle in options.items()),
            )
            chosen = yield from _asked(question)
        particle = options[chosen]
        if isinstance(particle, XsdElement) and not particle.min_occurs:
            content[particle.local_name] = yield from self.element(
                particle, f"{path}/{particle.local_name}"
            )
        else:
            yield from self._particle(particle, content, path)

    def element(self, declared: XsdElement, path: str) -> Asking:
        """The value of a new element: an array where it may be repeated."""
        first = yield from self._value(declared, path)
        if not is_repeatable(declared):
            return first
        values = [first]
        limit = declared.max_occurs
        while limit is None or len(values) < limit:
            label = f"{self._words.phrase('another')}: {self._words.element(declared.local_name)}"
            more = yield from _asked(Question(path, label, choices=_yes_no(self._words)))
            if more not in YES:
                break
            values.append((yield from self._value(declared, f"{path}[{len(values) + 1}]")))
        return values

    def _value(self, declared: XsdElement, path: str) -> Asking:
        label = self._words.element(declared.local_name)
        if set(children_of(declared)) == _TEXTS:
            text = yield from _asked(self._question(declared, label, path))
            return {"Text": [{"@lang": self._language, "@kind": "ORIGINAL", "$": text}]}
        if children_of(declared) or _required_attributes(declared):
            content: Draft = {}
            yield from self.content(declared, content, path)
            return content
        return (yield from self._simple(declared, label, path))

    def _complete(self, declared: XsdElement, value: Any, path: str) -> Asking:
        """What was given already gets what it still lacks."""
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and set(children_of(declared)) != _TEXTS:
                yield from self.content(declared, one, path)

    def _simple(self, declared: XsdElement | XsdAttribute, label: str, path: str) -> Asking:
        question = self._question(declared, label, path)
        simple = getattr(declared.type, "simple_type", None) or declared.type
        while True:
            answer = yield from _asked(question)
            errors = list(simple.iter_errors(answer))
            if not errors:
                return answer
            reason = str(getattr(errors[0], "reason", "")) or str(errors[0])
            question = replace(question, fault=reason)

    def _question(self, declared: XsdElement | XsdAttribute, label: str, path: str) -> Question:
        source = source_of(declared)
        return Question(
            path,
            label,
            words_of(declared),
            source[0] if source is not None else None,
            self._codes(declared, path),
        )

    def _codes(self, declared: XsdElement | XsdAttribute, path: str) -> tuple[tuple[str, str], ...]:
        kind = declared.type
        name = str(getattr(kind, "local_name", ""))
        if getattr(kind, "target_namespace", None) != CURRENT.codes or name not in code_lists():
            simple = getattr(kind, "simple_type", None) or kind
            root = getattr(getattr(simple, "root_type", None), "local_name", "")
            return _yes_no(self._words, ("true", "false")) if root == "boolean" else ()
        only = self._concerns if path.endswith("/Concerns/Kind") else frozenset()
        return tuple(
            (one.code, self._words.code(name, one.code))
            for one in code_lists()[name].codes
            if not only or one.code in only
        )

    def _option(self, particle: object) -> str:
        return "+".join(sorted(_names(particle)))

    def _told(self, particle: object) -> str:
        return ", ".join(self._words.element(name) for name in sorted(_names(particle)))


def _wanted(content: Any, name: str = "") -> dict[str, set[str]]:
    """The ids that `content` refers to, by the name of what they are ids of."""
    found: dict[str, set[str]] = {}
    if isinstance(content, dict):
        parts = [(key, value) for key, value in content.items()]
    elif isinstance(content, list):
        parts = [(name, value) for value in content]
    else:
        target = REFERENCES.get(name)
        return {target: {str(content)}} if target is not None else {}
    for key, value in parts:
        for target, ids in _wanted(value, key).items():
            found.setdefault(target, set()).update(ids)
    return found


def _asked(question: Question) -> Generator[Question, str, str]:
    """The answer, one of the choices where there are any; asked again while it is none of them."""
    known = {key for key, _ in question.choices}
    while True:
        answer = (yield question).strip()
        if answer in known or (answer and not known):
            return answer
        fault = f"not one of {', '.join(sorted(known))}" if known else "an answer is needed"
        question = replace(question, fault=fault)


def _yes_no(words: Words, keys: tuple[str, str] = ("y", "n")) -> tuple[tuple[str, str], ...]:
    return ((keys[0], words.phrase("yes")), (keys[1], words.phrase("no")))


def _names(particle: object) -> set[str]:
    """The elements that a particle may hold at its first level."""
    if isinstance(particle, XsdElement):
        return {particle.local_name}
    if isinstance(particle, XsdGroup):
        return {one.local_name for one in particle.iter_elements() if isinstance(one, XsdElement)}
    return set()


def _required(particle: object) -> set[str]:
    """The elements of a particle that must be there if it is chosen."""
    if not isinstance(particle, XsdGroup):
        return _names(particle)
    if particle.model == "choice":
        return set()
    parts = [one for one in particle if getattr(one, "min_occurs", 0)]
    return set().union(*map(_required, parts)) if parts else set()


def _required_attributes(declared: XsdElement) -> Mapping[str, XsdAttribute]:
    return {
        str(name): one
        for name, one in declared.attributes.items()
        if name and one.use == "required"
    }
