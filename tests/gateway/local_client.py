"""An authority's domestic system: the local API of a running gateway over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.threads import deferToThread

from config.node import Node

WAIT_SECONDS = 30


@dataclass(frozen=True)
class Said:
    """Status and JSON of an answer; the octets where it is none."""

    status: int
    octets: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.octets)


@dataclass(frozen=True)
class LocalClient:
    """Speaks for the authorities of one node."""

    node: Node

    async def ask(
        self, authority: str, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Said:
        """The answer to one request with the credential of `authority`."""
        return await deferToThread(self._ask, authority, method, path, body, headers)

    async def submit(self, authority: str, document: bytes, kind: str, **fields: str) -> Said:
        """What is said to a `document` of the media type `kind`."""
        lines = [
            f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        named = 'form-data; name="document"; filename="d"'
        lines.append(f"--edge\r\nContent-Disposition: {named}\r\nContent-Type: {kind}\r\n\r\n")
        body = "".join(lines).encode() + document + b"\r\n--edge--\r\n"
        form = "multipart/form-data; boundary=edge"
        return await self.ask(authority, "POST", "/v1/messages", body, **{"Content-Type": form})

    async def take(self, authority: str, wait_seconds: int = WAIT_SECONDS) -> dict[str, Any] | None:
        """The next message of the authority's queue, acknowledged; None where there is none."""
        while True:
            leased = await self.ask(authority, "POST", f"/v1/inbox/lease?wait={wait_seconds}")
            if not leased.json["leases"]:
                return None
            (lease,) = leased.json["leases"]
            done = await self.ask(authority, "POST", f"/v1/leases/{lease['leaseId']}/ack")
            assert done.status == 204
            if lease["notice"] is None:  # else it tells what is due in a case
                message: dict[str, Any] = lease["message"]
                return message

    def _ask(
        self, authority: str, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Said:
        token = (self.node.folder / "credentials" / f"{authority}.token").read_text().strip()
        settings = self.node.settings.local
        connection = http.client.HTTPConnection(settings.host, settings.port, timeout=60)
        try:
            sent = {"Authorization": f"Bearer {token}", **headers}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Said(response.status, response.read())
        finally:
            connection.close()
