"""The mirror image of a P-Mode as two P-Mode files of Holodeck B2B, one for each direction.

The partner puts its own keys and our certificates into Holodeck's stores under the aliases named
here. Element names and their order are Holodeck B2B's own, read from its schema.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from config.mirror import Mirror, NoSuchForm, require_push
from protocol.as4.names import EB, MGF1_SHA256, RSA_OAEP, SHA256
from protocol.as4.suites import EDELIVERY_115, Suite
from protocol.as4.values import PartyId

_NAMESPACE: Final = "http://holodeck-b2b.org/schemas/2014/10/pmode"
_DELIVERY: Final = "org.holodeckb2b.backend.file.NotifyAndDeliverOperation"


def holodeck(mirror: Mirror) -> dict[str, bytes]:
    """The two files, by name. Raises NoSuchForm when Holodeck B2B has no word for the agreement."""
    require_push(mirror)
    if mirror.suite != EDELIVERY_115:
        raise NoSuchForm(f"Holodeck B2B does not have the suite {mirror.suite.id}")
    own, other = mirror.own_state.lower(), mirror.partner_state.lower()
    return {
        f"{own}-to-{other}.xml": _pmode(mirror, sending=True),
        f"{other}-to-{own}.xml": _pmode(mirror, sending=False),
    }


def _pmode(mirror: Mirror, *, sending: bool) -> bytes:
    """One direction: `sending` is the partner sending to us."""
    states = [mirror.own_state.lower(), mirror.partner_state.lower()]
    parties = [mirror.own, mirror.partner]
    if not sending:
        states.reverse()
        parties.reverse()
    root = etree.Element(f"{{{_NAMESPACE}}}PMode", nsmap={"hb": _NAMESPACE})
    _add(root, "id", f"{states[0]}-to-{states[1]}")
    _add(root, "mep", f"{EB}oneWay")
    _add(root, "mepBinding", f"{EB}push")
    _trading_partner(root, "Initiator", parties[0], mirror.sender_role, states[0], mirror.suite)
    _trading_partner(root, "Responder", parties[1], mirror.receiver_role, states[1], mirror.suite)
    if mirror.agreement is not None:
        agreement = _add(root, "Agreement")
        if mirror.agreement.type is not None:
            _add(agreement, "type", mirror.agreement.type)
        _add(agreement, "name", mirror.agreement.value)
    _leg(_add(root, "Leg"), mirror, sending=sending)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _trading_partner(
    root: etree._Element, name: str, party: PartyId, role: str, state: str, suite: Suite
) -> None:
    partner = _add(root, name)
    party_id = _add(partner, "PartyId", party.value)
    if party.type is not None:
        party_id.set("type", party.type)
    _add(partner, "Role", role)
    security = _add(partner, "SecurityConfiguration")
    signing = _add(security, "Signing")
    _add(signing, "KeystoreAlias", f"{state}-sign")
    _add(signing, "KeyReferenceMethod", "BSTReference")
    _add(signing, "Algorithm", suite.signature)
    _add(signing, "HashFunction", suite.digest)
    encryption = _add(security, "Encryption")
    _add(encryption, "KeystoreAlias", f"{state}-encrypt")
    _add(encryption, "Algorithm", suite.content_encryption)
    transport = _add(encryption, "KeyTransport")
    _add(transport, "Algorithm", RSA_OAEP)
    _add(transport, "MGFAlgorithm", MGF1_SHA256)
    _add(transport, "DigestAlgorithm", SHA256)
    _add(transport, "KeyReferenceMethod", "KeyIdentifier")


def _leg(leg: etree._Element, mirror: Mirror, *, sending: bool) -> None:
    if sending:
        _add(_add(leg, "Protocol"), "Address", mirror.address)
    _add(_add(leg, "Receipt"), "ReplyPattern", "RESPONSE")
    awareness = _add(leg, "ReceptionAwareness")
    if sending:
        _add(awareness, "MaxRetries", str(mirror.reliability.max_retries))
        _add(awareness, "RetryInterval", f"{max(1, mirror.reliability.first_interval_seconds):.0f}")
    else:
        _add(awareness, "UseDuplicateElimination", "true")
    delivery = _add(leg, "DefaultDelivery")
    _add(delivery, "DeliveryMethod", _DELIVERY)
    for name, value in (("format", "mmd"), ("deliveryDirectory", "data/msg_in")):
        parameter = _add(delivery, "Parameter")
        _add(parameter, "name", name)
        _add(parameter, "value", value)
    flow = _add(leg, "UserMessageFlow")
    service = _add(_add(flow, "BusinessInfo"), "Service")
    _add(service, "name", mirror.service.value)
    if mirror.service.type is not None:
        _add(service, "type", mirror.service.type)
    _add(_add(flow, "ErrorHandling"), "ReplyPattern", "RESPONSE")
    profile = _add(flow, "PayloadProfile")
    _add(profile, "UseAS4Compression", "true" if mirror.compress else "false")


def _add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_NAMESPACE}}}{tag}")
    element.text = text
    return element
