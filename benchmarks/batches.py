"""Many keys in a request: how fast they are exported, and who else waits while RSA-4096 keys are made."""

import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import Door, rest_load
from benchmarks.measuring import RUNS, Row, row_of, seconds
from keyferry.byok.destinations import destination_named
from keyferry.byok.kek import read_kek
from keyferry.cli.connection import Server
from keyferry.cli.profiles import Profile
from keyferry.custody.caller import Caller
from keyferry.custody.generation import Generation, Made, generated
from keyferry.custody.key_batches import KeyBatches, WantedKey
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NewKey
from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.keys import Material
from keyferry.material.secret import Secret
from keyferry.rehearsal.local_server import serving
from keyferry.store.transaction import Transaction
from keyferry.testing import Kek, Kit

KEYS = 1000
SHARE_OF_BARE_WRAP = 0.3
OTHERS_SLOWER = 3.0
#: a shared machine works at another speed each second, and each of these takes one: many, with the bare wraps around
EXPORT_RUNS = 5 * RUNS
LOAD_SECONDS = 4.0
RSA_4096_KEYS = 40


class FewAgain:
    """A stock that gives out the same few RSA-2048 keys again and again: to generate a thousand takes minutes."""

    def __init__(self) -> None:
        self._made = [(each.material, each.identity) for each in (generated(ALGORITHMS["rsa-2048"]) for _ in range(8))]
        self._next = 0

    def counts(self) -> Mapping[str, int]:
        """More than anybody asks for."""
        return {"rsa-2048": 10 * KEYS}

    def take(self, _tx: Transaction, _algorithm: Algorithm) -> Made:
        """The next one, for a version of its own."""
        self._next += 1
        return Made(*self._made[self._next % len(self._made)])

    @property
    def material(self) -> Material:
        """One of them."""
        return self._made[0][0]


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder:
        home, stock = Path(folder) / "home", FewAgain()
        kit = Kit.make(home)
        try:
            kim = kit.user("kim", groups=("bench",))
            ids = some_keys(kit, kim, stock, KEYS)
            token = kit.token("kim")
        finally:
            kit.close()
        with serving(home, Path(folder) / "server.log") as url:
            door = Door(url, home / "tls" / "ca.pem", token)
            return [_export_row(door, ids, stock.material), _others_row(door, ids)]


def some_keys(kit: Kit, caller: Caller, stock: FewAgain, count: int) -> list[str]:
    """The ids of `count` new RSA-2048 keys of the group `bench`."""
    batches = KeyBatches(kit.custody.gate, Generation(stock))
    wanted = [WantedKey(NewKey(algorithm="rsa-2048", group="bench"))] * count
    chunks = batches.generate(caller, wanted)
    return [outcome.id for chunk in chunks for outcome in chunk if isinstance(outcome, KeyDetail)]


@contextmanager
def connection(door: Door) -> Iterator[Server]:
    """The command line's own connection."""
    with Server(Profile("bench", door.url, Secret(door.token.encode()), ca=door.ca.read_text())) as server:
        yield server


def _export_row(door: Door, ids: Sequence[str], material: Material) -> Row:
    kek = Kek.make(3072)
    destination = destination_named("azure")
    identifier, public = destination.parse_identifier(kek.identifier), read_kek(kek.public_pem)
    body = {
        "destination": "azure",
        "key_identifier": kek.identifier,
        "public_key": kek.public_pem.decode(),
        "keys": list(ids),
    }

    def half_bare() -> None:
        for _ in ids[::2]:
            destination.wrap(material, public, identifier)

    def batch() -> None:
        with connection(door) as server:
            *_, last = server.lines("/export-batches", body)
        if last["totals"]["exported"] != len(ids):
            raise RuntimeError(f"not all were exported: {last}")

    batch()  # once before the clock runs: the connection pool, the caches of a server that has served
    runs = []
    for _ in range(EXPORT_RUNS):
        before, through, after = seconds(half_bare), seconds(batch), seconds(half_bare)
        alone = before + after
        runs.append(
            {"of bare": alone / through, "a second": len(ids) / through, "bare a second, one core": len(ids) / alone}
        )
    what = f"bulk export of {len(ids)} RSA-2048 keys, 3072-bit KEK, through REST, of the bare wrap's rate on one core"
    return row_of(what, "of bare", SHARE_OF_BARE_WRAP, runs, figure="of bare", at_least=True)


def _others_row(door: Door, ids: Sequence[str]) -> Row:
    """Somebody reads keys while somebody else has RSA-4096 keys made."""
    requests = [{"method": "GET", "path": f"/api/v1/keys/{id_}"} for id_ in ids[:16]]
    runs = []
    for _ in range(RUNS):
        alone = rest_load(door, requests, clients=1, seconds=LOAD_SECONDS)
        with _batch_under_way(door) as made:
            beside = rest_load(door, requests, clients=1, seconds=LOAD_SECONDS)
        runs.append(
            {
                "times": beside.p99 / alone.p99,
                "p99 ms alone": alone.p99,
                "p99 ms beside": beside.p99,
                "RSA-4096 keys made": len(made),
            }
        )
    what = "99 of 100 reads answer within, while a batch of RSA-4096 keys is made, times as long as without"
    return row_of(what, "times", OTHERS_SLOWER, runs, figure="times", at_least=False)


@contextmanager
def _batch_under_way(door: Door) -> Iterator[list[dict[str, Any]]]:
    """Have RSA-4096 keys made, from before the block until after it; the connection is closed then, which ends it."""
    made: list[dict[str, Any]] = []
    stop, begun = threading.Event(), threading.Event()
    body = {"keys": [{"type": "rsa-4096", "group": "bench"}] * RSA_4096_KEYS}

    def ask() -> None:
        with connection(door) as server:
            begun.set()
            for line in server.lines("/key-batches", body):
                made.append(line)
                if stop.is_set():
                    return

    asking = threading.Thread(target=ask)
    asking.start()
    begun.wait()
    time.sleep(0.5)
    try:
        yield made
        if not asking.is_alive():
            raise RuntimeError("the batch ended before the others did")
    finally:
        stop.set()
        asking.join()


if __name__ == "__main__":
    os.environ.setdefault("KEYFERRY_POOL", "off")
    for each in rows():
        print(
            json.dumps(
                {"what": each.what, "figure": each.figure, "unit": each.unit, "spread": each.spread, **each.details}
            )
        )
