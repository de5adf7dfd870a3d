"""What a receipt repeats of a message is each reference in its own canonical form, however cut."""

from __future__ import annotations

import pytest
from lxml import etree

from protocol.as4.names import ATTACHMENT_CONTENT_SIGNATURE, DS, EC, EXC_C14N, SHA256
from protocol.as4.signed_info import read_signed_info, reference_octets
from protocol.as4.suites import EDELIVERY_115
from protocol.as4.xml import canonical, read_again

DIGEST = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def signed_info(
    prefix: str, *, prefix_list: str = "", of_reference: str = "", gap: str = ""
) -> str:
    """A ds:SignedInfo with three references, all elements under `prefix`."""
    p = f"{prefix}:" if prefix else ""
    declared = f'xmlns:{prefix}="{DS}"' if prefix else f'xmlns="{DS}"'
    listed = f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="{prefix_list}"/>'
    inner = f'<ec:InclusiveNamespaces xmlns:ec="{EC}" PrefixList="{of_reference}"/>'
    references = gap.join(
        f'<{p}Reference Id="r{n}" URI="{uri}"><{p}Transforms>'
        f'<{p}Transform Algorithm="{transform}">{content}</{p}Transform></{p}Transforms>'
        f'<{p}DigestMethod Algorithm="{SHA256}"/><{p}DigestValue>{DIGEST}</{p}DigestValue>'
        f"</{p}Reference>"
        for n, (uri, transform, content) in enumerate(
            [
                ("#messaging", EXC_C14N, inner if of_reference else ""),
                ("#body", EXC_C14N, ""),
                ("cid:a&amp;b@example", ATTACHMENT_CONTENT_SIGNATURE, ""),
            ]
        )
    )
    return (
        f'<x:Outside xmlns:x="urn:x" xmlns:env="urn:env" {declared}><{p}SignedInfo>{gap}'
        f'<{p}CanonicalizationMethod Algorithm="{EXC_C14N}">{listed if prefix_list else ""}'
        f"</{p}CanonicalizationMethod>"
        f'<{p}SignatureMethod Algorithm="{EDELIVERY_115.signature}"/>{gap}{references}{gap}'
        f"</{p}SignedInfo></x:Outside>"
    )


@pytest.mark.parametrize("prefix", ["ds", "dsig", ""])
@pytest.mark.parametrize("prefix_list", ["", "env x"])
@pytest.mark.parametrize("of_reference", ["", "env x ec"])
@pytest.mark.parametrize("gap", ["", "\n   "])
def test_each_reference_is_its_own_canonical_form(
    prefix: str, prefix_list: str, of_reference: str, gap: str
) -> None:
    written = signed_info(prefix, prefix_list=prefix_list, of_reference=of_reference, gap=gap)
    octets = canonical(etree.fromstring(written)[0], prefix_list.split())
    plan = read_signed_info(read_again(octets), EDELIVERY_115)
    expected = [canonical(reference.element) for reference in plan.references]
    assert len(expected) == 3
    assert reference_octets(octets, plan) == expected


def test_references_under_another_prefix_are_canonicalised_one_by_one() -> None:
    written = signed_info("ds").replace("<ds:Reference ", f'<e:Reference xmlns:e="{DS}" ')
    written = written.replace("</ds:Reference>", "</e:Reference>")
    octets = canonical(etree.fromstring(written)[0])
    plan = read_signed_info(read_again(octets), EDELIVERY_115)
    assert reference_octets(octets, plan) == [canonical(r.element) for r in plan.references]
