"""The mirror image of a P-Mode: what one side prints is what the other side holds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from config.mirror import Mirror, NoSuchForm, mirror_of, text
from config.mirror_domibus import domibus
from config.mirror_holodeck import holodeck
from config.node import Node, load_node
from protocol.as4.pmode import Puller, Pulling, ReceiptReply
from protocol.as4.suites import EDELIVERY_115, SUITES, TokenForm

HOLODECK = {"h": "http://holodeck-b2b.org/schemas/2014/10/pmode"}


@pytest.fixture
def nodes(ground: Path) -> tuple[Node, Node]:
    return load_node(ground / "AZ"), load_node(ground / "XU")


@pytest.fixture
def mirror(nodes: tuple[Node, Node]) -> Mirror:
    """What XU has to configure for AZ, by the suite that other products know."""
    az, _ = nodes
    pmode = replace(az.pmodes[0], suite=EDELIVERY_115)
    return mirror_of(pmode, "AZ", az.settings.as4.public_url)


def test_it_is_what_the_partner_holds(nodes: tuple[Node, Node]) -> None:
    az, xu = nodes
    mirror = mirror_of(az.pmodes[0], "AZ", az.settings.as4.public_url)
    held = xu.pmodes[0]
    assert (mirror.own, mirror.partner) == (held.own, held.partner)
    assert (mirror.address, mirror.own_address) == (held.address, az.pmodes[0].address)
    assert (mirror.service, mirror.agreement, mirror.suite) == (
        held.service,
        held.agreement,
        held.suite,
    )
    assert set(mirror.actions_sent) == held.actions_sent
    assert set(mirror.actions_received) == held.actions_received
    assert (mirror.sender_role, mirror.receiver_role) == (held.sender_role, held.receiver_role)


def test_the_words_hold_every_value(mirror: Mirror) -> None:
    words = " ".join(text(mirror).split())
    for value in (
        mirror.own.value, mirror.partner.value, mirror.address, mirror.own_address,
        mirror.sender_role, mirror.receiver_role, mirror.service.value, mirror.suite.id,
        mirror.agreement.value, *mirror.actions,
    ):  # fmt: skip
        assert value in words
    assert max(map(len, text(mirror).splitlines())) <= 120


def test_domibus_is_told_both_parties_and_every_action(mirror: Mirror) -> None:
    root = etree.fromstring(domibus(mirror))
    assert root.get("party") == "xu_gw"
    parties = {
        party.get("name"): (party.get("endpoint"), party[0].get("partyId"))
        for party in root.iter("party")
    }
    assert parties == {
        "xu_gw": (mirror.own_address, "xu-gateway"),
        "az_gw": (mirror.address, "az-gateway"),
    }
    legs = {leg.get("action") for leg in root.iter("legConfiguration")}
    assert legs == {*mirror.actions, "testAction"}
    named = {element.get("name") for element in root.iter()}
    for leg in root.iter("legConfiguration"):
        for reference in ("service", "action", "security", "reliability", "propertySet"):
            assert leg.get(reference) in named
    assert {leg.get("name") for leg in root.iter("leg")} == {
        leg.get("name") for leg in root.iter("legConfiguration")
    }


@pytest.mark.parametrize(
    ("form", "policy"),
    [
        (TokenForm.BST_X509V3, "eDeliveryAS4Policy_BST"),
        (TokenForm.SUBJECT_KEY_IDENTIFIER, "eDeliveryAS4Policy"),
        (TokenForm.THUMBPRINT, None),
    ],
)
def test_domibus_has_a_policy_for_some_token_forms(
    mirror: Mirror, form: TokenForm, policy: str | None
) -> None:
    told = replace(mirror, signing_token=form)
    if policy is None:
        with pytest.raises(NoSuchForm, match="thumbprint"):
            domibus(told)
    else:
        (security,) = etree.fromstring(domibus(told)).iter("security")
        assert security.get("policy") == f"{policy}.xml"


def test_holodeck_is_told_each_direction(mirror: Mirror) -> None:
    files = holodeck(mirror)
    assert list(files) == ["xu-to-az.xml", "az-to-xu.xml"]
    for name, initiator, address in (
        ("xu-to-az.xml", "xu-gateway", [mirror.address]),
        ("az-to-xu.xml", "az-gateway", []),
    ):
        root = etree.fromstring(files[name])
        assert root.xpath("h:Initiator/h:PartyId/text()", namespaces=HOLODECK) == [initiator]
        assert root.xpath("//h:Address/text()", namespaces=HOLODECK) == address
        suite = root.xpath("//h:Signing/h:Algorithm/text()", namespaces=HOLODECK)
        assert suite == [mirror.suite.signature] * 2


def test_what_a_product_does_not_know_is_refused(mirror: Mirror) -> None:
    for suite in SUITES.values():
        if suite != EDELIVERY_115:
            with pytest.raises(NoSuchForm, match=suite.id):
                domibus(replace(mirror, suite=suite))
            with pytest.raises(NoSuchForm, match=suite.id):
                holodeck(replace(mirror, suite=suite))


def test_the_command_prints_and_writes(ground: Path, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gateway", "partner", "mirror", str(ground / "AZ"), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert "your party" in run("XU").stdout
    stranger = run("XX")
    assert (stranger.returncode, "XX is no partner" in stranger.stderr) == (1, True)
    written = run("XU", "--into", str(tmp_path))
    assert written.returncode == 0
    assert (tmp_path / "xu.txt").read_text().startswith("your party")
    again = run("XU", "--into", str(tmp_path))
    assert (again.returncode, "exists" in again.stderr) == (1, True)


def test_pulling_is_told_in_words_and_in_no_form_that_says_push(mirror: Mirror) -> None:
    pulled = replace(mirror, pulling=Pulling(Puller.PARTNER, "urn:uncc:mpc:az-xu"))
    assert "you pull from us, channel urn:uncc:mpc:az-xu" in text(pulled)
    called_back = replace(mirror, receipt_reply=ReceiptReply.CALLBACK)
    assert "in a request of their own (callback)" in text(called_back)
    for other in (pulled, called_back):
        for form in (domibus, holodeck):
            with pytest.raises(NoSuchForm):
                form(other)
