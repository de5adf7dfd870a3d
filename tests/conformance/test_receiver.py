"""Assertions about a receiver that need a look inside: what was delivered, stored, configured."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from OpenSSL import SSL

from config.faults import ConfigRefused
from config.node import Node, load_node
from gateway.app import Gateway
from gateway.tls import ClientTls, ServerTls
from tests.conformance.sent import ANNEXES, Exchanged
from tests.gateway.ground import Partner, started
from tests.gateway.test_refusals import code_of
from tests.gateway.test_tls import shake

ECDSA_128, ECDSA_256 = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"


@pytest_twisted.ensureDeferred
async def test_cp_ta31_damage_is_recorded_for_who_answers_for_it(az: Gateway, xu: Partner) -> None:
    """No authority is bothered with what was never delivered; evidence and metrics have it."""
    assert code_of(await xu.send(xu.craft_precompressed(b"no gzip at all"))) == "EBMS:0303"
    assert b"EBMS:0303" in az._metrics.exposition()


@pytest_twisted.ensureDeferred
async def test_cp_ta32_what_is_delivered_is_decompressed(exchanged: Exchanged) -> None:
    assert exchanged.delivered == (exchanged.document, *ANNEXES.values())


@pytest_twisted.ensureDeferred
async def test_cp_ta39_versions_and_suites_can_be_configured(folders: dict[str, Path]) -> None:
    path = folders["AZ"] / "gateway.toml"
    text = path.read_text()
    one = f'minimum_tls = "1.2"\ntls12_ciphers = ["{ECDSA_256}"]'
    path.write_text(text.replace('minimum_tls = "1.3"', one))
    as4 = load_node(folders["AZ"]).settings.as4
    assert (as4.minimum_tls, as4.tls12_ciphers) == ("1.2", (ECDSA_256,))
    for refused in ('minimum_tls = "1.1"', 'tls12_ciphers = ["RC4-SHA"]', "tls12_ciphers = []"):
        path.write_text(text.replace('minimum_tls = "1.3"', refused))
        with pytest.raises(ConfigRefused):
            load_node(folders["AZ"])


@pytest_twisted.ensureDeferred
async def test_cp_ta42_only_configured_suites_are_spoken(folders: dict[str, Path]) -> None:
    az, xu = load_node(folders["AZ"]), load_node(folders["XU"])
    talker = await shake(server(az, ECDSA_256), client(xu, ECDSA_128))
    assert talker.version is None
    talker = await shake(server(az, ECDSA_256), client(xu, ECDSA_256))
    assert talker.version == "TLSv1.2"


@pytest_twisted.ensureDeferred
async def test_cp_ta46_ipv6(folders: dict[str, Path]) -> None:
    """AZ listens on IPv6, XU on IPv4."""
    settings = folders["AZ"] / "gateway.toml"
    port = load_node(folders["AZ"]).settings.as4.port
    settings.write_text(
        settings.read_text().replace('host = "127.0.0.1"\nport', 'host = "::1"\nport', 1)
    )
    partner = folders["XU"] / "partners" / "AZ.toml"
    partner.write_text(partner.read_text().replace(f"127.0.0.1:{port}", f"[::1]:{port}"))
    az = await started(folders["AZ"])
    try:
        xu = Partner(load_node(folders["XU"]))
        assert "[::1]" in xu.pmode.address
        from gateway.conformance.probes import PROBES
        from tests.conformance.test_from_outside import target

        seen = await PROBES["CP_TA01"](target(xu))
        assert seen.holds, seen.sentence
    finally:
        await az.stop()


def server(node: Node, *ciphers: str) -> ServerTls:
    return ServerTls(node.tls, node.pmodes[0].partner_tls, "1.2", ciphers)


def client(node: Node, *ciphers: str) -> ClientTls:
    made = ClientTls(node.tls, node.pmodes[0].partner_tls, "1.2", "127.0.0.1", ciphers)
    made._context.set_max_proto_version(SSL.TLS1_2_VERSION)
    return made
