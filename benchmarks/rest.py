"""What the server answers through REST with everything on: TLS, tokens, seals, audit, durable commits.

Load clients are processes of their own on the same machine. PyKMIP's server does the like right before or after.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import Door, Load, rest_load
from benchmarks.measuring import RUNS, Row, row_of
from benchmarks.pykmip import Peer, peer
from keyferry.rehearsal.local_server import serving
from keyferry.testing import Kek, Kit

SECONDS = 4.0
KEYS = 16
EXPORTS_A_SECOND, EXPORT_P99 = 600.0, 40.0
CREATES, GETS, SIGNATURES = 4.0, 5.0, 20.0

Request = Mapping[str, Any]


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder, _server(Path(folder)) as (door, requests):
        exports = [rest_load(door, requests["export"], clients=8, seconds=SECONDS, status=201) for _ in range(RUNS)]
        with peer(Path(folder) / "peer") as other:
            return [*_export_rows(exports), *_peer_rows(door, requests, other)]


def _export_rows(exports: list[Load]) -> list[Row]:
    runs = [{"rate": each.rate, "p50 ms": each.p50, "p99 ms": each.p99} for each in exports]
    what = "exports of RSA-2048 keys, one a request, 8 clients"
    return [
        row_of(what, "a second", EXPORTS_A_SECOND, runs, figure="rate", at_least=True),
        row_of(f"{what}: 99 of 100 answer within", "ms", EXPORT_P99, runs, figure="p99 ms", at_least=False),
    ]


def _peer_rows(door: Door, requests: Mapping[str, list[Request]], other: Peer) -> Iterator[Row]:
    table: tuple[tuple[str, str, str, float, dict[str, Any]], ...] = (
        ("create AES-256", "create", "create", CREATES, {"status": 201, "keep": "id", "read_back": "/api/v1/keys/{}"}),
        ("show a key's metadata", "show", "get", GETS, {}),
        ("get a public key", "public-key", "get", GETS, {}),
        ("sign with RSA-2048", "sign", "sign", SIGNATURES, {}),
    )
    for what, name, operation, limit, expected in table:
        runs = []
        for _ in range(RUNS):
            theirs = other.load(operation, clients=4, seconds=SECONDS)
            ours = rest_load(door, requests[name], clients=4, seconds=SECONDS, **expected)
            runs.append(_beside(ours, theirs))
        label = f"{what}, 4 clients, of the rate of PyKMIP's {operation.capitalize()}"
        yield row_of(label, "times", limit, runs, figure="times", at_least=True)


def _beside(ours: Load, theirs: Load) -> dict[str, float]:
    return {
        "times": ours.rate / theirs.rate,
        "a second": ours.rate,
        "p50 ms": ours.p50,
        "p99 ms": ours.p99,
        "PyKMIP a second": theirs.rate,
        "PyKMIP p99 ms": theirs.p99,
    }


@contextmanager
def _server(folder: Path) -> Iterator[tuple[Door, dict[str, list[Request]]]]:
    """A server with some keys, and what is asked of it."""
    home = folder / "home"
    kit = Kit.make(home)
    try:
        kim = kit.user("kim", groups=("bench",))
        ids = [
            kit.key(kim, "rsa-2048", f"key-{'abcdefghijklmnop'[number]}", group="bench").key.id
            for number in range(KEYS)
        ]
        token = kit.token("kim")
    finally:
        kit.close()
    kek = Kek.make(3072)
    given = {"destination": "azure", "key_identifier": kek.identifier, "public_key": kek.public_pem.decode()}
    signing = {"algorithm": "RS256", "message": "aGVsbG8"}
    paths = [f"/api/v1/keys/{id_}" for id_ in ids]
    requests: dict[str, list[Request]] = {
        "export": [{"method": "POST", "path": f"{path}/exports", "body": given} for path in paths],
        "create": [{"method": "POST", "path": "/api/v1/keys", "body": {"type": "aes-256", "group": "bench"}}],
        "show": [{"method": "GET", "path": path} for path in paths],
        "public-key": [{"method": "GET", "path": f"{path}/public-key"} for path in paths],
        "sign": [{"method": "POST", "path": f"{path}/sign", "body": signing} for path in paths],
    }
    with serving(home, folder / "server.log") as url:
        yield Door(url, home / "tls" / "ca.pem", token), requests
