"""The P-Mode file as we write it: every agreed value, with what it means beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.card_file import Card
from config.partner import agreement_between
from config.partner_certificates import has_key_identifier
from config.partner_patterns import DEFAULT_PING_SECONDS
from config.partner_settings import (
    ACTIONS,
    SERVICE,
    DirectorySettings,
    LimitSettings,
    ReceiptSettings,
    ReliabilitySettings,
    RoleSettings,
    WindowSettings,
)
from config.toml_text import array, long_array, quoted, truth
from protocol.as4.suites import SUITES, Suite, TokenForm


def partner_text(
    own_state: str, card: Card, suite: Suite, files: Mapping[str, Sequence[str]]
) -> str:
    """partners/<STATE>.toml for `card` by `suite`; `files` are its PEM files by use."""
    return "\n".join(
        (
            _who(own_state, card),
            _agreed(own_state, card),
            _certificates(files),
            _security(card, suite),
            _patterns(own_state, card),
            _reliability(ReliabilitySettings()),
            _limits(LimitSettings(), WindowSettings()),
        )
    )


def _who(own_state: str, card: Card) -> str:
    return f"""\
# What {own_state} agreed with {card.state} (a P-Mode, ebMS 3.0 section 4). Both sides keep one, and
# the two mirror each other. After an edit run: hanoi-gateway check

state = {quoted(card.state)}
# Where we post our messages.
address = {quoted(card.address)}
# How many of our messages may be under way to this partner at once.
max_in_flight = 4
"""


def _agreed(own_state: str, card: Card) -> str:
    roles = RoleSettings()
    kind = "" if card.party_type is None else f"type = {quoted(card.party_type)}\n"
    return f"""\
# eb:PartyId of the partner. Without the line "type" the PartyId has no type.
[party]
id = {quoted(card.party_id)}
{kind}
# Must be the same on both sides, to the letter.
[agreement]
value = {quoted(agreement_between(own_state, card.state))}

[service]
value = {quoted(SERVICE)}

# eb:Role of whoever sends a message, and of whoever receives it, in both directions.
[roles]
sender = {quoted(roles.sender)}
receiver = {quoted(roles.receiver)}

# eb:Action: what we may send, and what we take. The partner has the two the other way round.
[actions]
sent = {long_array(ACTIONS)}
received = {long_array(ACTIONS)}
"""


def _certificates(files: Mapping[str, Sequence[str]]) -> str:
    return f"""\
# PEM files beside this one, one certificate in each; those for signing and encryption belong to the
# suite below. While the partner exchanges a key, name the
# old and the new one; we encrypt for the first one of "encryption".
[certificates]
tls = {array(files["tls"])}
signing = {array(files["signing"])}
encryption = {array(files["encryption"])}
"""


def _security(card: Card, suite: Suite) -> str:
    named = all(map(has_key_identifier, card.suites[suite.id].encryption))
    encryption_token = TokenForm.SUBJECT_KEY_IDENTIFIER if named else TokenForm.ISSUER_SERIAL
    return f"""\
# The suite of algorithms, the same on both sides; each has certificates of its own:
# {", ".join(SUITES)}
# And how we name certificates in what we write; all forms are read:
# {", ".join(form.value for form in TokenForm)}
[security]
suite = {quoted(suite.id)}
signing_token = {quoted(suite.signing_token.value)}
encryption_token = {quoted(encryption_token.value)}
compress = {truth(True)}
"""


def _patterns(own_state: str, card: Card) -> str:
    one, other = sorted((own_state.lower(), card.state.lower()))
    return f"""\
# How receipts for pushed messages travel: "response" (in the HTTP answer) or "callback" (in a
# request of their own). The same on both sides.
[receipts]
reply = {quoted(ReceiptSettings().reply.value)}

# Without [pull] both sides push. Where one of the two cannot be called, it pulls instead what the
# other one sends: by = "partner" on one side, by = "us" on the other. The channel belongs to this
# partner alone and is the same on both sides, to the letter. interval_seconds only with "us".
# [pull]
# by = "us"
# mpc = {quoted(f"urn:uncc:mpc:{one}-{other}")}
# interval_seconds = 30.0

# How often we ask the partner's test service whether it answers, about; 0 is never. Not where the
# partner pulls or gives receipts by callback.
# [ping]
# interval_seconds = {DEFAULT_PING_SECONDS}
"""


def _reliability(values: ReliabilitySettings) -> str:
    return f"""\
# A message without a receipt is sent again, first after first_interval_seconds, then after backoff
# times as long, until max_retries. duplicate_window_seconds: for how long we recognise a message of
# theirs that comes again; it must be longer than they go on trying.
[reliability]
max_retries = {values.max_retries}
first_interval_seconds = {values.first_interval_seconds}
backoff = {values.backoff}
max_interval_seconds = {values.max_interval_seconds}
receipt_timeout_seconds = {values.receipt_timeout_seconds}
duplicate_window_seconds = {values.duplicate_window_seconds}
"""


def _limits(limits: LimitSettings, window: WindowSettings) -> str:
    return f"""\
# What we take in one message, after decompression. These are the highest values allowed.
[limits]
max_part_bytes = {limits.max_part_bytes}
max_message_bytes = {limits.max_message_bytes}
max_parts = {limits.max_parts}
max_ratio = {limits.max_ratio}

# How far eb:Timestamp may lie from our clock.
[window]
past_seconds = {window.past_seconds}
future_seconds = {window.future_seconds}

# When a DirectoryUpdate of theirs about their own State changes our copy of its record: "ask" (when
# an operator has accepted it: hanoi-gateway directory pending) or "at-once".
[directory]
updates = {quoted(DirectorySettings().updates.value)}
"""
