"""A nats-server that knows people by credentials files, as NATS hosts do: an operator, an account, a user."""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import msgspec
import nkeys

from runtime.embedded_server import server_program
from tests.nats_process import listening_at

NO_LIMIT = -1


@contextmanager
def operator_server(folder: Path) -> Iterator[tuple[str, Path]]:
    """Its address, and the credentials file of the only user it lets in."""
    operator, system, account, user = (_key(kind) for kind in _KINDS)
    operator_jwt = _signed(operator, operator, "operator", {})
    accounts = {
        one.public_key.decode(): _signed(operator, one, "account", {"limits": limits})
        for one, limits in ((system, {}), (account, _UNLIMITED))
    }
    user_jwt = _signed(
        account, user, "user", {"subs": NO_LIMIT, "data": NO_LIMIT, "payload": NO_LIMIT}
    )
    creds = folder / "user.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
    )
    settings = {
        "listen": "127.0.0.1:-1",
        "operator": operator_jwt,
        "resolver": "MEMORY",
        "resolver_preload": accounts,
        "system_account": system.public_key.decode(),
        "jetstream": {"store_dir": str(folder)},
        "ports_file_dir": str(folder),
    }
    (folder / "server.conf").write_bytes(msgspec.json.encode(settings))
    with Popen(
        [server_program(), "-c", folder / "server.conf"], stdout=DEVNULL, stderr=DEVNULL
    ) as server:
        try:
            yield listening_at(folder), creds
        finally:
            server.terminate()


_KINDS = (
    nkeys.PREFIX_BYTE_OPERATOR,
    nkeys.PREFIX_BYTE_ACCOUNT,
    nkeys.PREFIX_BYTE_ACCOUNT,
    nkeys.PREFIX_BYTE_USER,
)
_UNLIMITED = dict.fromkeys(
    (
        *("subs", "data", "payload", "imports", "exports", "conn", "leaf"),
        *("mem_storage", "disk_storage", "streams", "consumer"),
    ),
    NO_LIMIT,
) | {"wildcards": True}


def _key(kind: int) -> nkeys.KeyPair:
    return nkeys.from_seed(bytes(nkeys.encode_seed(os.urandom(32), kind)))


def _signed(
    issuer: nkeys.KeyPair, subject: nkeys.KeyPair, kind: str, claims: dict[str, object]
) -> str:
    body = {
        "iat": 1,
        "iss": issuer.public_key.decode(),
        "sub": subject.public_key.decode(),
        "name": kind,
        "nats": {"type": kind, "version": 2, **claims},
    }
    digest = hashlib.new("sha512_256", msgspec.json.encode(body)).digest()
    body["jti"] = base64.b32encode(digest).decode().rstrip("=")
    said = f"{_text({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_text(body)}"
    signature = base64.urlsafe_b64encode(issuer.sign(said.encode())).decode().rstrip("=")
    return f"{said}.{signature}"


def _text(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")
