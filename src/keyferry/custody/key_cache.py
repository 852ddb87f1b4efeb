"""Parsed keys, kept for the next use.

Reading a private key from its sealed row costs more than many uses of it. What is kept stands under the key, the
version's number and the row's seal, and is asked for only after the row has been read, verified and judged: it spares
the parsing, never the judging. A row that has changed in anything has another seal, so that what was kept of it is not
found again.
"""

import threading
from collections import OrderedDict
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import bindparam, select

from keyferry.material.secret import Secret
from keyferry.store.records import KeyVersion
from keyferry.store.statements import Prepared
from keyferry.store.store import Store
from keyferry.store.tables import key_versions
from keyferry.store.transaction import Transaction

MOST: Final = 1024
"""Keys that are kept at once: a parsed RSA-4096 key takes some 20 KiB."""

_AT_ONCE: Final = 64

Parsed = Secret | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
"""An AES key's bytes, or a private key. OpenSSL lets several threads use one at the same time."""

_SEALS: Final = Prepared(
    select(key_versions.c.id, key_versions.c.seal).where(
        key_versions.c.id.in_([bindparam(f"id{number}") for number in range(_AT_ONCE)])
    )
)


class KeyCache:
    """The keys that were used last.

    Args:
        most: how many; of more, those that were not used for longest are let go.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], tuple[str, bytes, Parsed]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, version: KeyVersion) -> Parsed | None:
        """What was kept of exactly this row; what was kept of an earlier state of it is let go."""
        place = (version.key_id, version.number)
        with self._lock:
            kept = self._kept.get(place)
            if kept is None:
                return None
            if kept[1] != version.seal:
                del self._kept[place]
                return None
            self._kept.move_to_end(place)
            return kept[2]

    def keep(self, version: KeyVersion, parsed: Parsed) -> None:
        """Keep what was made of this row."""
        place = (version.key_id, version.number)
        with self._lock:
            self._kept[place] = (version.id, version.seal, parsed)
            self._kept.move_to_end(place)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def drop(self, version: KeyVersion) -> None:
        """Let go of a version that may not be used."""
        with self._lock:
            self._kept.pop((version.key_id, version.number), None)

    def forget_changed(self, store: Store) -> None:
        """Let go of every version whose row is no longer what it was; called every few seconds while serving.

        So a key that was erased, here or by another node, does not stay in memory until somebody asks for it.
        """
        with self._lock:
            kept = {id_: (place, seal) for place, (id_, seal, _) in self._kept.items()}
        if not kept:
            return
        seals = store.read(lambda tx: _seals(tx, list(kept)))
        changed = [(place, seal) for id_, (place, seal) in kept.items() if seals.get(id_) != seal]
        with self._lock:
            for place, seal in changed:
                if place in self._kept and self._kept[place][1] == seal:
                    del self._kept[place]


def _seals(tx: Transaction, ids: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        asked = {f"id{number}": some[number % len(some)] for number in range(_AT_ONCE)}
        found |= {row[0]: bytes(row[1]) for row in tx.rows(_SEALS, **asked)}
    return found
