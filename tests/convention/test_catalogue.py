"""The catalogue has everything that comes with the gateway, and reaches nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from protocol.convention.documents import DocumentRefused, read_document
from protocol.convention.json_form import to_json
from schemas import catalogue
from schemas.catalogue import NotClosed, UnknownName, compiled, example, explainer, octets

MLA = example("mla-request-xu-az.xml")
XSI = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


class Canary:
    """A web server that notes who calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        calls = self.calls

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                calls.append(self.path)
                self.send_error(404)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def canary() -> Iterator[Canary]:
    found = Canary()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.mark.parametrize("name", sorted(catalogue.SCHEMAS))
def test_both_libraries_read_every_schema(name: str) -> None:
    assert isinstance(compiled(name), etree.XMLSchema)
    assert explainer(name).validity == "valid"
    assert compiled(name) is compiled(name)
    assert explainer(name) is explainer(name)


@pytest.mark.parametrize("name", sorted(catalogue.SCHEMAS))
def test_schemas_are_xsd_1_0(name: str) -> None:
    assert type(explainer(name)) is xmlschema.XMLSchema10


def test_every_schema_file_can_be_published() -> None:
    assert octets("convention/codes.xsd").startswith(b"<?xml")


@pytest.mark.parametrize("name", ["../setup.cfg", "/etc/passwd", "", "nothing"])
def test_a_name_never_becomes_a_path(name: str) -> None:
    for read in (octets, example, compiled, explainer):
        with pytest.raises(UnknownName):
            read(name)


@pytest.mark.parametrize("name", ["import", "include", "redefine"])
@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:9/x.xsd", "../as4/soap.xsd", "file:///etc/passwd", "gone.xsd"]
)
def test_a_schema_that_reaches_outside_is_not_compiled(
    name: str, location: str, tmp_path: Path
) -> None:
    (tmp_path / "a.xsd").write_text(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f'<xs:{name} schemaLocation="{location}"/></xs:schema>'
    )
    with pytest.raises(NotClosed, match=r"a\.xsd"):
        catalogue.check_closed(tmp_path)


def test_a_schema_with_a_doctype_is_not_compiled(tmp_path: Path) -> None:
    (tmp_path / "a.xsd").write_text(
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'
    )
    with pytest.raises(NotClosed, match="document type"):
        catalogue.check_closed(tmp_path)


def test_a_document_may_hint_at_schemas_and_nobody_looks(canary: Canary) -> None:
    hints = (
        f' xsi:schemaLocation="urn:uncc:doc:1 {canary.url}/a.xsd urn:else {canary.url}/b.xsd"'
        f' xsi:noNamespaceSchemaLocation="{canary.url}/c.xsd"'
    ).encode()
    hinted = MLA.replace(b" specVersion", b" " + XSI + hints + b" specVersion")
    assert read_document(hinted).kind == "MlaRequest"
    with pytest.raises(DocumentRefused):
        read_document(hinted.replace(b"<c:Revision>1<", b"<c:Revision>one<"))
    assert b"schemaLocation" not in to_json(hinted)
    assert canary.calls == []


def test_what_stands_in_extensions_is_not_fetched(canary: Canary) -> None:
    extensions = (
        '<c:Extensions><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" '
        f'href="{canary.url}/a.xml"/><n:Note xmlns:n="urn:example:note" {XSI.decode()} '
        f'xsi:schemaLocation="urn:example:note {canary.url}/note.xsd">x</n:Note></c:Extensions>'
    ).encode()
    extended = MLA.replace(b"  <c:RequestStatus>", extensions + b"<c:RequestStatus>")
    assert read_document(extended).kind == "MlaRequest"
    with pytest.raises(DocumentRefused):
        read_document(extended.replace(b"<c:Revision>1<", b"<c:Revision>one<"))
    assert canary.calls == []


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE MlaRequest SYSTEM "{url}/a.dtd">',
        '<!DOCTYPE MlaRequest [<!ENTITY % a SYSTEM "{url}/a.ent"> %a;]>',
        '<!DOCTYPE MlaRequest [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<?xml-stylesheet href="{url}/a.xsl" type="text/xsl"?>',
    ],
)
def test_a_prologue_that_wants_something_is_refused(canary: Canary, prologue: str) -> None:
    start = MLA.index(b"<d:MlaRequest")
    wanting = MLA[:start] + prologue.format(url=canary.url).encode() + MLA[start:]
    with pytest.raises(DocumentRefused) as refused:
        read_document(wanting)
    assert [finding.rule for finding in refused.value.findings] == ["xml"]
    assert canary.calls == []
