"""A running gateway of ours as AZ that knows XU, whose place a peer takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop.gateway_process import NodeFolder, free_port, running
from tests.interop.phase4_peer import Side

AZ_PARTY, XU_PARTY = "az-gateway", "xu-gateway"


@dataclass(frozen=True, slots=True)
class Ground:
    """Both node folders; a gateway runs on AZ's only. `url` is where it listens."""

    az: NodeFolder
    xu: NodeFolder
    xu_port: int
    url: str

    @property
    def peer(self) -> Side:
        """The peer in the place of XU."""
        return Side(self.xu.keys, self.az.keys.folder)


@contextmanager
def az_running(folder: Path, settings: dict[str, str] | None = None) -> Iterator[Ground]:
    """AZ's gateway runs and knows XU; `settings` are lines of the partner file to exchange."""
    az_port, xu_port = free_port(), free_port()
    az = NodeFolder.make(folder / "AZ", "AZ", az_port)
    xu = NodeFolder.make(folder / "XU", "XU", xu_port)
    az.add_partner(xu)
    pmode = az.path / "partners" / "XU.toml"
    for old, new in (settings or {}).items():
        text = pmode.read_text()
        assert old in text, (old, text)
        pmode.write_text(text.replace(old, new))
    with running(az, folder / "gateway.log"):
        yield Ground(az, xu, xu_port, f"https://localhost:{az_port}/as4")
