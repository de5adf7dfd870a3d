"""gateway.toml as a new node has it: what may be changed stands there, with what it means."""

from __future__ import annotations

from config.settings import UNREGISTERED
from config.toml_text import quoted


def settings_text(
    state: str, party: str, as4_port: int, local_port: int, host: str, url: str, suites: str
) -> str:
    """gateway.toml of a new node of `state`, known as `party`, reached at `url`.

    `suites` holds its tables [keys.suites.ID], made by `suite_text`.
    """
    return f"""\
# One gateway of {state}. Paths are relative to this folder. After an edit run: hanoi-gateway check

state = {quoted(state)}
# Processes. More than one needs PostgreSQL as the store.
workers = 1
# How long a stop waits for what is being received and sent. What has not ended then begins again:
# the partner's next try, or our own after the next start.
stop_seconds = 30

# eb:PartyId by which partners know us; it stands in card.toml, too.
[party]
id = {quoted(party)}
type = {quoted(UNREGISTERED)}

# Where partners reach us: mutual TLS, and nothing else. host "0.0.0.0" listens on every interface.
[as4]
host = {quoted(host)}
port = {as4_port}
public_url = {quoted(url)}
minimum_tls = "1.3"

# Where our own authorities take and submit messages: without TLS, therefore on this machine only.
[local]
host = "127.0.0.1"
port = {local_port}
unix_socket = "data/local.sock"
# An authority has so long to acknowledge what it took before it is handed out again, so often.
lease_seconds = 300
max_deliveries = 10

# "sqlite:///data/gateway.sqlite", or "postgresql+psycopg://user@host/name" with
# password_file = "keys/postgresql.password"
[store]
url = "sqlite:///data/gateway.sqlite"

# Payloads, encrypted at rest, and sealed messages that wait for a partner.
[spool]
folder = "data/spool"
wire_folder = "data/wire"

[log]
level = "info"

# Throw-away keys, made by "init": replace them by those of your own authority. key is a URI:
# file:PATH or p12:PATH?password-file=PATH. A certificate file may go on with the issuers.
[keys]
storage = "keys/storage.key"
tls = {{ key = "file:keys/tls.key.pem", certificate = "keys/tls.cert.pem" }}

# One table for each suite that partners use; each P-Mode says which is its. In "decryption" several
# while keys are exchanged: we open what any of them opens.
{suites}"""


def suite_text(suite: str, signing: str, encryption: str) -> str:
    """[keys.suites.ID]: the two pairs are keys/NAME.key.pem with keys/NAME.cert.pem."""
    return f"""\
[keys.suites.{quoted(suite)}]
signing = {_pair(signing)}
decryption = [
  {_pair(encryption)},
]
"""


def _pair(name: str) -> str:
    return (
        f"{{ key = {quoted(f'file:keys/{name}.key.pem')},"
        f" certificate = {quoted(f'keys/{name}.cert.pem')} }}"
    )
