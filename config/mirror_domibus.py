"""The mirror image of a P-Mode as the configuration file of Domibus.

Names in it are made of the States; the aliases in Domibus' stores must be the party names. The
element names and their order are Domibus' own; known to be read by its schema (docs/interop.md).
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from config.mirror import Mirror, NoSuchForm, require_push
from protocol.as4.names import DEFAULT_MPC, EB, TEST_ACTION, TEST_SERVICE
from protocol.as4.suites import EDELIVERY_115, TokenForm

_NAMESPACE: Final = "http://domibus.eu/configuration"
_POLICIES: Final = {
    TokenForm.BST_X509V3: "eDeliveryAS4Policy_BST",
    TokenForm.BST_PKIPATH: "eDeliveryAS4Policy_BST_PKIP",
    TokenForm.ISSUER_SERIAL: "eDeliveryAS4Policy_IS",
    TokenForm.SUBJECT_KEY_IDENTIFIER: "eDeliveryAS4Policy",
}
_RETENTION_MINUTES: Final = "14400"  # ten days: what a receiving application has to fetch it
_SET: Final = "fourCorners"


def domibus(mirror: Mirror) -> bytes:
    """The whole configuration, as XML. Raises NoSuchForm when Domibus has no word for it."""
    require_push(mirror)
    if mirror.suite != EDELIVERY_115:
        raise NoSuchForm(f"no policy of Domibus is known for the suite {mirror.suite.id}")
    policy = _POLICIES.get(mirror.signing_token)
    if policy is None:
        raise NoSuchForm(f"no policy of Domibus names certificates by {mirror.signing_token.value}")
    root = etree.Element(
        f"{{{_NAMESPACE}}}configuration", {"party": _name(mirror.own_state)}, {"db": _NAMESPACE}
    )
    _add(
        _add(root, "mpcs"),
        "mpc",
        name="defaultMpc",
        qualifiedName=DEFAULT_MPC,
        enabled="true",
        default="true",
        retention_downloaded="0",
        retention_undownloaded=_RETENTION_MINUTES,
    )
    _processes(_add(root, "businessProcesses"), mirror, policy)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _processes(processes: etree._Element, mirror: Mirror, policy: str) -> None:
    roles = _add(processes, "roles")
    _add(roles, "role", name="sender", value=mirror.sender_role)
    _add(roles, "role", name="receiver", value=mirror.receiver_role)
    _parties(_add(processes, "parties"), mirror)
    meps = _add(processes, "meps")
    _add(meps, "mep", name="oneway", value=f"{EB}oneWay")
    _add(meps, "binding", name="push", value=f"{EB}push")
    _properties(_add(processes, "properties"))
    _add(processes, "payloadProfiles")  # none: any number of parts of any type
    securities = _add(processes, "securities")
    _add(securities, "security", name=policy, policy=f"{policy}.xml", signatureMethod="RSA_SHA256")
    _add(
        _add(processes, "errorHandlings"),
        "errorHandling",
        name="asResponse",
        errorAsResponse="true",
        businessErrorNotifyProducer="true",
        businessErrorNotifyConsumer="true",
        deliveryFailureNotifyProducer="true",
    )
    _business(processes, mirror)
    _reliability(_add(processes, "as4"), mirror)
    _legs(_add(processes, "legConfigurations"), mirror, policy)
    _process(processes, mirror)


def _parties(parties: etree._Element, mirror: Mirror) -> None:
    types = _add(parties, "partyIdTypes")
    kinds = sorted({party.type or "" for party in (mirror.own, mirror.partner)})
    for number, kind in enumerate(kinds, 1):
        _add(types, "partyIdType", name=f"type{number}", value=kind)
    for state, party, endpoint in (
        (mirror.own_state, mirror.own, mirror.own_address),
        (mirror.partner_state, mirror.partner, mirror.address),
    ):
        one = _add(parties, "party", name=_name(state), endpoint=endpoint)
        number = kinds.index(party.type or "") + 1
        _add(one, "identifier", partyId=party.value, partyIdType=f"type{number}")


def _properties(properties: etree._Element) -> None:
    keys = (
        ("originalSender", "true"),
        ("finalRecipient", "true"),
        ("trackingIdentifier", "false"),
    )
    for key, required in keys:
        _add(properties, "property", name=key, key=key, datatype="string", required=required)
    whole = _add(properties, "propertySet", name=_SET)
    for key, _ in keys:
        _add(whole, "propertyRef", property=key)


def _business(processes: etree._Element, mirror: Mirror) -> None:
    agreements = _add(processes, "agreements")
    if mirror.agreement is not None:
        _add(
            agreements,
            "agreement",
            name="agreement",
            value=mirror.agreement.value,
            type=mirror.agreement.type or "",
        )
    services = _add(processes, "services")
    typed = {"type": mirror.service.type} if mirror.service.type is not None else {}
    _add(services, "service", name="cooperation", value=mirror.service.value, **typed)
    _add(services, "service", name="test", value=TEST_SERVICE)
    actions = _add(processes, "actions")
    for action in mirror.actions:
        _add(actions, "action", name=action, value=action)
    _add(actions, "action", name="testAction", value=TEST_ACTION)


def _reliability(as4: etree._Element, mirror: Mirror) -> None:
    terms = mirror.reliability
    minutes = max(1, round(terms.max_retries * terms.first_interval_seconds / 60))
    _add(
        as4,
        "receptionAwareness",
        name="retry",
        retry=f"{minutes};{max(1, terms.max_retries)};CONSTANT",
        duplicateDetection="true",
    )
    _add(as4, "reliability", name="receipts", nonRepudiation="true", replyPattern="response")


def _legs(legs: etree._Element, mirror: Mirror, policy: str) -> None:
    for service, action in (
        *(("cooperation", action) for action in mirror.actions),
        ("test", "testAction"),
    ):
        _add(
            legs,
            "legConfiguration",
            name=f"push{action}",
            service=service,
            action=action,
            defaultMpc="defaultMpc",
            reliability="receipts",
            security=policy,
            receptionAwareness="retry",
            propertySet=_SET,
            errorHandling="asResponse",
            compressPayloads="true" if mirror.compress else "false",
        )


def _process(processes: etree._Element, mirror: Mirror) -> None:
    agreed = {"agreement": "agreement"} if mirror.agreement is not None else {}
    process = _add(
        processes,
        "process",
        name="cooperation",
        mep="oneway",
        binding="push",
        initiatorRole="sender",
        responderRole="receiver",
        **agreed,
    )
    for side in ("initiator", "responder"):
        parties = _add(process, f"{side}Parties")
        for state in (mirror.own_state, mirror.partner_state):
            _add(parties, f"{side}Party", name=_name(state))
    legs = _add(process, "legs")
    for action in (*mirror.actions, "testAction"):
        _add(legs, "leg", name=f"push{action}")


def _name(state: str) -> str:
    return f"{state.lower()}_gw"


def _add(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, tag, attributes)
