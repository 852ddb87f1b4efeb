"""Rows read together are the rows that each is by itself; what is written meanwhile is read anew."""

from dataclasses import replace

import pytest

from keyferry.custody.key_lookup import KeyDetail
from keyferry.store.sealed import KEY_VERSIONS, KEYS, USERS, Lock
from keyferry.store.together import MOST, Wanted, read_together
from keyferry.store.transaction import Transaction
from keyferry.testing import Kit


@pytest.fixture
def detail(kit: Kit) -> KeyDetail:
    return kit.key(kit.user("kim"), "ec-p256", "tenant")


def wanted(kit: Kit, detail: KeyDetail) -> list[Wanted]:
    return [
        (USERS, kit.administrator.user_id),
        (KEYS, detail.key.id),
        (KEYS, "00000000-0000-0000-0000-000000000000"),
        (KEY_VERSIONS, detail.version.id),
    ]


def test_together_or_each_by_itself_they_are_the_same(kit: Kit, detail: KeyDetail) -> None:
    store, sealer, rows = kit.installation.store, kit.installation.sealer, wanted(kit, detail)

    def together(tx: Transaction) -> list[object]:
        read_together(tx, rows)
        return [table.get(tx, sealer, id_) for table, id_ in rows]

    alone = store.read(lambda tx: [table.get(tx, sealer, id_) for table, id_ in rows])
    assert store.read(together) == alone
    assert alone[2] is None
    assert [each is not None for each in alone] == [True, True, False, True]


def test_on_sqlite_they_take_one_statement(kit: Kit, detail: KeyDetail) -> None:
    store, sealer, rows = kit.installation.store, kit.installation.sealer, wanted(kit, detail)
    there = [each for each in rows if each[1] != "00000000-0000-0000-0000-000000000000"]
    statements: list[str] = []

    def count(tx: Transaction) -> int:
        tx._cursor.connection.set_trace_callback(statements.append)
        try:
            read_together(tx, there)
            for table, id_ in there:
                assert table.get(tx, sealer, id_, Lock.SHARE) is not None
        finally:
            tx._cursor.connection.set_trace_callback(None)
        return len(statements)

    if store.engine.dialect.name == "sqlite":
        assert store.read(count) == 1


def test_what_is_written_is_read_anew(kit: Kit, detail: KeyDetail) -> None:
    store, sealer = kit.installation.store, kit.installation.sealer

    class Undone(Exception):  # it undoes what the test has written
        pass

    def write(tx: Transaction) -> None:
        read_together(tx, wanted(kit, detail))
        old = KEYS.get(tx, sealer, detail.key.id, Lock.UPDATE)
        assert old is not None
        KEYS.update(tx, sealer, old, replace(old, description="newer"))
        new = KEYS.get(tx, sealer, detail.key.id)
        assert new is not None
        assert (new.description, new.revision) == ("newer", old.revision + 1)
        raise Undone

    with pytest.raises(Undone):
        store.write(write)
    after = store.read(lambda tx: KEYS.get(tx, sealer, detail.key.id))
    assert after == detail.key


def test_no_more_than_so_many_are_read_at_once(kit: Kit, detail: KeyDetail) -> None:
    store, sealer = kit.installation.store, kit.installation.sealer
    many = [*wanted(kit, detail)[:1] * (MOST + 20), (KEYS, detail.key.id)]

    def read(tx: Transaction) -> object:
        read_together(tx, many)
        return KEYS.get(tx, sealer, detail.key.id)

    assert store.read(read) == detail.key


def test_nothing_wanted_is_nothing_read(kit: Kit) -> None:
    kit.installation.store.read(lambda tx: read_together(tx, []))


def test_many_rows_of_a_table_are_brought_in_one_statement(kit: Kit, detail: KeyDetail) -> None:
    store, sealer = kit.installation.store, kit.installation.sealer
    other = kit.key(kit.user("lee"), "aes-256", "data")
    ids = [detail.key.id, "00000000-0000-0000-0000-000000000000", other.key.id]

    def brought(tx: Transaction) -> list[object]:
        rows = KEYS.bring(tx, ids)
        if store.engine.dialect.name == "sqlite":
            assert {row["id"]: row["current_version_id"] for row in rows} == {
                each.key.id: each.version.id for each in (detail, other)
            }
            assert all(tx.kept.find("keys", id_) is not None for id_ in (ids[0], ids[2]))
        return [KEYS.get(tx, sealer, id_) for id_ in ids]

    assert store.read(brought) == store.read(lambda tx: [KEYS.get(tx, sealer, id_) for id_ in ids])
