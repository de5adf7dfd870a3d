"""A light AS4 client: posts sealed messages over kept connections and times each answer.

It runs as a process of its own, so that its work is not counted as the server's:

    python tests/bench/load.py JOB

JOB is a JSON file with the fields of `Job`. Prints one JSON object: `seconds`, and `latencies` in
seconds. Exits with a sentence at the first answer that is not HTTP 200 with an eb:Receipt.
"""

from __future__ import annotations

import json
import pickle
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

Message = tuple[str, bytes]  # content type and body
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to send and where. All paths name files; `messages` is what `keep` wrote."""

    port: int
    certificate: str
    private_key: str
    server_certificate: str
    messages: str
    concurrency: int


@dataclass(frozen=True, slots=True)
class Timed:
    """What came of a job."""

    seconds: float
    latencies: list[float]


def keep(messages: list[Message], path: Path) -> None:
    """The messages stand in `path`, for a load process to read."""
    path.write_bytes(pickle.dumps(messages))


def load(job: Job, path: Path) -> Timed:
    """Run `job`, written to `path`, in a process of its own."""
    path.write_text(json.dumps(asdict(job)))
    done = subprocess.run(
        [sys.executable, __file__, str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"the load stopped: {done.stderr.strip()}")
    return Timed(**json.loads(done.stdout))


class Connection:
    """One kept connection: mutual TLS 1.3, HTTP/1.1, one request at a time."""

    def __init__(self, job: Job) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # the certificate itself is pinned
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(job.server_certificate)
        context.load_cert_chain(job.certificate, job.private_key)
        plain = socket.create_connection(("127.0.0.1", job.port), TIMEOUT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        self._answers = self._socket.makefile("rb")

    def post(self, message: Message) -> float:
        """The seconds until the whole receipt was here."""
        content_type, body = message
        head = (
            f"POST /as4 HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        begun = time.perf_counter()
        self._socket.sendall(head.encode() + body)
        status, answer = self._answer()
        seconds = time.perf_counter() - begun
        if status != 200 or b"Receipt>" not in answer or b"NonRepudiation" not in answer:
            raise SystemExit(f"HTTP {status}: {answer[:2000]!r}")
        return seconds

    def _answer(self) -> tuple[int, bytes]:
        status = int(self._answers.readline().split()[1])
        fields = {}
        while line := self._answers.readline().strip():
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip().lower()
        if fields.get(b"transfer-encoding") != b"chunked":
            return status, self._answers.read(int(fields[b"content-length"]))
        answer = b""
        while size := int(self._answers.readline(), 16):
            answer += self._answers.read(size)
            self._answers.readline()
        self._answers.readline()
        return status, answer


def run(job: Job) -> Timed:
    """Everything is sent, shared out over `concurrency` connections that stood before."""
    messages: list[Message] = pickle.loads(Path(job.messages).read_bytes())  # noqa: S301 - ours
    connections = [Connection(job) for _ in range(job.concurrency)]
    shares = [messages[number :: job.concurrency] for number in range(job.concurrency)]
    with ThreadPoolExecutor(job.concurrency) as threads:
        begun = time.perf_counter()
        sent = threads.map(lambda c, share: [c.post(m) for m in share], connections, shares)
        latencies = [seconds for share in sent for seconds in share]
        return Timed(time.perf_counter() - begun, latencies)


if __name__ == "__main__":
    print(json.dumps(asdict(run(Job(**json.loads(Path(sys.argv[1]).read_text()))))))
