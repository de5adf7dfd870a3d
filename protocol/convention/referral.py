"""The ReferralNotice that tells the other State who has its request now. Source: article 40(12)."""

from __future__ import annotations

import json
from datetime import date, datetime

from protocol.convention.canonical import canonical
from protocol.convention.directory import Authority
from protocol.convention.drafting import Beginning, begin, joined
from protocol.convention.json_form import from_json, part_to_json
from protocol.convention.vocabulary import KINDS
from protocol.hardened import parse_again

REFERRAL = "ReferralNotice"


def referral_notice(
    request: bytes, by: Authority, to: Authority, reference: str, now: datetime, today: date
) -> bytes:
    """`by` tells whoever wrote `request` that `to` executes it, and that one still writes to `by`.

    `reference` is what the request is called at `by`; `today` is the day there. Raises
    DocumentRefused where the notice would not be valid.
    """
    root = canonical(parse_again(request))
    asking = part_to_json(root, "RequestingAuthority")
    draft = begin(Beginning(KINDS[REFERRAL], by, None, "", now, concerned=request))
    language, name = next(iter(to.names.items()), ("en", to.id))
    told = {
        "RequestingAuthority": asking,
        "Urgency": {"@level": "ROUTINE"},
        "Confidentiality": {"@level": part_to_json(root, "Confidentiality")["@level"]},
        "Reference": reference,
        "ReferredTo": {"Name": {"Text": [{"@lang": language, "@kind": "ORIGINAL", "$": name}]}},
        "ReferredOn": today.isoformat(),
        "For": "EXECUTE",
        "ContactStays": True,
    }
    return from_json(json.dumps({REFERRAL: joined(draft, told)}).encode())
