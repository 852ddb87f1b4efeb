"""The first page of a list of keys, in a store with a thousand keys and in one with a million."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Table, bindparam, insert

from benchmarks.measuring import RUNS, Row, row_of, seconds
from keyferry import clock
from keyferry.custody.caller import Caller
from keyferry.custody.generation import Made
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject, event_by
from keyferry.custody.versions import Dates, new_version
from keyferry.ids import new_id
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import generate, identify
from keyferry.material.sealing import Sealer
from keyferry.store.events import SEALED, encode_event
from keyferry.store.records import AuditEvent, Key, KeyVersion, Sealed
from keyferry.store.sealed import KEY_VERSIONS, KEYS, RevisedTable
from keyferry.store.statements import Prepared
from keyferry.store.tables import audit_events, key_versions, keys
from keyferry.store.transaction import Transaction
from keyferry.testing import Kit

FEW, MANY = 1_000, 1_000_000
AT_MOST = 1.3
PAGE = 50
_CALLS = 50
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key is like."""

    algorithm: str = "aes-256"
    name: str | None = None
    state: str = "active"
    deactivation: int | None = None


Kinds = Callable[[int], Kind]


def alike(_number: int) -> Kind:
    """Every key as the others."""
    return Kind()


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder:
        few, kim_of_few = store(Path(folder) / "few", FEW)
        many, kim_of_many = store(Path(folder) / "many", MANY)
        try:
            return [
                _row("an Administrator", few, few.administrator, many, many.administrator),
                _row("a member of the group that owns them all", few, kim_of_few, many, kim_of_many),
            ]
        finally:
            few.close()
            many.close()


def _row(who: str, few: Kit, asks_few: Caller, many: Kit, asks_many: Caller) -> Row:
    runs = []
    for _ in range(RUNS):
        ours, theirs = _page_ms(many, asks_many), _page_ms(few, asks_few)
        runs.append({"times": ours / theirs, f"ms at {MANY:,}": ours, f"ms at {FEW:,}": theirs})
    what = f"first page of the list of {MANY:,} keys for {who}, of the time at {FEW:,}"
    return row_of(what, "times", AT_MOST, runs, figure="times", at_least=False)


def _page_ms(kit: Kit, caller: Caller) -> float:
    return 1000 * statistics.median(seconds(lambda: kit.custody.keys.list(caller, size=PAGE)) for _ in range(_CALLS))


def store(home: Path, count: int, *, kinds: Kinds = alike) -> tuple[Kit, Caller]:
    """An installation with `count` keys of a group; each with a version and an event, all genuinely sealed.

    Args:
        kinds: what each of them is, by its number.
    """
    kit = Kit.make(home)
    kim = kit.user("kim", groups=("bench",))
    group = kit.custody.groups.show(kit.administrator, "bench").id
    began = time.monotonic()
    for done in range(0, count, _CHUNK):
        chunk = min(_CHUNK, count - done)
        chosen = [kinds(number) for number in range(done, done + chunk)]
        kit.installation.store.write(
            partial(_fill, sealer=kit.installation.sealer, kim=kim, group=group, chosen=chosen)
        )
        print(f"\r  {done + chunk:,} of {count:,} keys, {time.monotonic() - began:.0f} s", end="", flush=True)
    print()
    return kit, kim


def _fill(tx: Transaction, sealer: Sealer, kim: Caller, group: str, chosen: list[Kind]) -> None:
    made = [_make(sealer, kim, group, kind) for kind in chosen]
    tx.run_many(_INSERT_KEY, [_columns(key) for key, _, _ in made])
    tx.run_many(_INSERT_VERSION, [_columns(version) for _, version, _ in made])
    tx.run_many(_INSERT_EVENT, [{name: getattr(event, name) for name in SEALED} for _, _, event in made])


def _make(sealer: Sealer, kim: Caller, group: str, kind: Kind) -> tuple[Key, KeyVersion, AuditEvent]:
    algorithm, now = ALGORITHMS[kind.algorithm], clock.now()
    material = generate(algorithm)
    made = Made(material, identify(material))
    key = Key(
        id=new_id(),
        name=kind.name,
        algorithm=algorithm.name,
        owner_group_id=group,
        exportable=True,
        usages=",".join(sorted(usage.value for usage in algorithm.usages)),
        current_version_id=made.version_id,
        created_at=now,
        created_by=kim.user_id,
    )
    dates = Dates(now, activated=kind.state != "pre-active", activation=None, deactivation=kind.deactivation)
    version = replace(new_version(sealer, key, 1, "generated", made, dates, kim.user_id), state=kind.state)
    event = Subject("key", key.id, None).on(event_by(kim, "kim", Operation.KEY_GENERATE, now, {"owner_group": group}))
    event = replace(event, object_revision=1, version_id=version.id, version_revision=1)
    return (
        replace(key, seal=_seal(sealer, KEYS, key)),
        replace(version, seal=_seal(sealer, KEY_VERSIONS, version)),
        replace(event, mac=sealer.mac_event(encode_event(event))),
    )


def _seal(sealer: Sealer, table: RevisedTable[Any], record: Sealed) -> bytes:
    return sealer.mac_row(table.kind, {name: getattr(record, name) for name in table.sealed_columns})


def _columns(record: Sealed) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _insert_into(table: Table, names: Iterable[str]) -> Prepared:
    return Prepared(insert(table).values({name: bindparam(name) for name in names}))


_INSERT_KEY = _insert_into(keys, (each.name for each in fields(Key)))
_INSERT_VERSION = _insert_into(key_versions, (each.name for each in fields(KeyVersion)))
_INSERT_EVENT = _insert_into(audit_events, SEALED)
