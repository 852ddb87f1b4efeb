"""A migrated store is what this release works with, on both databases."""

from collections.abc import Iterable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    CheckConstraint,
    Engine,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    UniqueConstraint,
    insert,
    inspect,
)
from sqlalchemy.exc import IntegrityError

from keyferry.errors import CannotStart
from keyferry.store.migrating import SCRIPTS, is_known, newest, present, require_newest, upgrade
from keyferry.store.tables import metadata


@pytest.fixture
def migrated(empty_engine: Engine) -> Engine:
    assert upgrade(empty_engine) == newest()
    return empty_engine


def test_a_migrated_store_equals_the_tables(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "render_as_batch": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_revisions_that_the_files_are_called_by_are_those_of_alembic() -> None:
    known = [script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()]
    assert newest() == known[0]
    assert all(is_known(revision) for revision in known)
    assert len(known) == len(list((SCRIPTS / "versions").glob("0*.py")))
    assert not is_known("0000")


@pytest.mark.parametrize("table", ["exports", "audit_events"])
def test_row_numbers_are_never_used_again(migrated: Engine, table: str) -> None:
    """Without AUTOINCREMENT, SQLite would give the number of a deleted last row to the next one."""
    with migrated.connect() as connection:
        if migrated.dialect.name == "sqlite":
            sql = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").scalar_one()
            assert "AUTOINCREMENT" in sql
        else:
            column = inspect(connection).get_columns(table)[0]
            assert column["autoincrement"] is True
            assert "nextval" in str(column["default"])


def names_of(kind: type, only: Iterable[str]) -> set[tuple[str, str]]:
    found = set()
    for name in only:
        for constraint in metadata.tables[name].constraints:
            if isinstance(constraint, kind):
                found.add((name, str(constraint.name)))
    return found


def test_every_constraint_has_its_name(migrated: Engine) -> None:
    inspector = inspect(migrated)
    tables = metadata.tables.keys()
    found = {
        PrimaryKeyConstraint: {(name, inspector.get_pk_constraint(name)["name"]) for name in tables},
        CheckConstraint: {(name, each["name"]) for name in tables for each in inspector.get_check_constraints(name)},
        UniqueConstraint: {(name, each["name"]) for name in tables for each in inspector.get_unique_constraints(name)},
        ForeignKeyConstraint: {(name, each["name"]) for name in tables for each in inspector.get_foreign_keys(name)},
    }
    # SQLite has no room for a name beside AUTOINCREMENT.
    found[PrimaryKeyConstraint] = {(table, name or f"pk_{table}") for table, name in found[PrimaryKeyConstraint]}
    for kind, names in found.items():
        assert names == names_of(kind, tables)
    prefixes = {
        PrimaryKeyConstraint: "pk_",
        CheckConstraint: "ck_",
        UniqueConstraint: "uq_",
        ForeignKeyConstraint: "fk_",
    }
    for kind, names in found.items():
        assert all(str(name).startswith(prefixes[kind] + table) for table, name in names)


@pytest.mark.parametrize("empty_engine", ["sqlite"], indirect=True)
def test_every_check_is_word_for_word_as_the_tables_have_it(migrated: Engine) -> None:
    """On SQLite, which keeps the text; PostgreSQL keeps a tree, and words it anew."""
    inspector = inspect(migrated)
    for table in metadata.tables.values():
        wanted = {str(each.name): str(each.sqltext) for each in table.constraints if isinstance(each, CheckConstraint)}
        found = {str(each["name"]): each["sqltext"] for each in inspector.get_check_constraints(table.name)}
        assert found == wanted, table.name


def test_every_index_is_there(migrated: Engine) -> None:
    inspector = inspect(migrated)
    for table in metadata.tables.values():
        uniques = {each["name"] for each in inspector.get_unique_constraints(table.name)}
        found = {each["name"] for each in inspector.get_indexes(table.name)} - uniques
        assert found == {index.name for index in table.indexes}, table.name


def test_upgrading_again_changes_nothing(migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.exec_driver_sql("INSERT INTO activity (subject_id, last_used_at) VALUES ('kept', 1)")
    assert upgrade(migrated) == newest()
    with migrated.connect() as connection:
        assert connection.exec_driver_sql("SELECT subject_id FROM activity").scalars().all() == ["kept"]
    assert present(migrated) == newest()
    require_newest(migrated)


def test_an_empty_database_is_not_initialised(empty_engine: Engine) -> None:
    assert present(empty_engine) is None
    with pytest.raises(CannotStart) as refused:
        require_newest(empty_engine)
    assert refused.value.code == "not-initialised"
    assert "keyferry init" in refused.value.advice


@pytest.mark.parametrize("found", ["0000", "9999"], ids=["older", "newer"])
def test_another_releases_store_is_refused(migrated: Engine, found: str) -> None:
    with migrated.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{found}'")
    with pytest.raises(CannotStart) as refused:
        require_newest(migrated)
    assert refused.value.code == "schema-version"
    assert found in refused.value.detail
    assert newest() in refused.value.detail
    assert "backup" in refused.value.advice


def test_a_migration_that_fails_leaves_nothing(empty_engine: Engine) -> None:
    """The last table that the migration makes is in its way."""
    with empty_engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE exports (stray INTEGER)")
    with pytest.raises(Exception, match="exists"):
        upgrade(empty_engine)
    assert inspect(empty_engine).get_table_names() in (["exports"], ["alembic_version", "exports"])
    assert present(empty_engine) is None


#: what the first release sealed and wrote, in tables that later migrations must leave as they are
FIRST_RELEASE: tuple[tuple[str, dict[str, object]], ...] = (
    ("stores", {"id": "s1"}),
    ("users", {"id": "u1", "name": "Ada", "name_folded": "ada", "role": "key-access-user", "disabled": False}),
    ("groups", {"id": "g1", "name": "payments"}),
    ("keys", {"id": "k1", "name": "tenant", "algorithm": "ec-p256", "owner_group_id": "g1", "exportable": True}),
    ("key_versions", {"id": "v1", "key_id": "k1", "number": 1, "state": "active", "origin": "generated"}),
    ("audit_events", {"uid": "e1", "at": 1, "operation": "key.generate", "outcome": "done", "details": "{}"}),
)
FURTHER: dict[str, dict[str, object]] = {
    "users": {"token_epoch": 1},
    "keys": {"usages": "sign", "current_version_id": "v1", "versions": 1, "created_by": "u1"},
    "key_versions": {"material": b"sealed", "created_by": "u1"},
    "audit_events": {"mac": b"mac", "number": 1},
}
NEW = {"connections", "deployments", "customer_key_requests", "reminders", "leases", "pool_keys", "job_runs"}
NEW |= {"identity_providers", "identities", "seen_once", "provider_sessions", "tested_sign_ins"}
NEW |= {"counted", "counted_keys", "key_counts", "expiry_counts", "owner_counts", "activity_counts"}
NEW |= {"approval_requests", "approval_votes", "certificates", "certificate_authorities"}
NEW |= {"server_policy"}
NEW |= {"trusted_issuers", "workloads"}
NEW |= {"factors", "tickets", "earlier_passwords"}


def add(engine: Engine, table: str, row: dict[str, object]) -> None:
    columns = metadata.tables[table].c
    sealed = {
        name: value for name, value in {"created_at": 1, "revision": 1, "seal": b"seal"}.items() if name in columns
    }
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables[table]).values(**sealed, **row, **FURTHER.get(table, {})))


def rows_of(engine: Engine, tables: Iterable[str]) -> dict[str, list[dict[str, object]]]:
    """What is there; a column that is NULL, as one that came later has to be, is left out."""
    with engine.connect() as connection:
        return {
            name: [
                {column: value for column, value in row._mapping.items() if value is not None}
                for row in connection.exec_driver_sql(f"SELECT * FROM {name}")
            ]
            for name in tables
        }


def test_a_populated_store_of_the_first_release_is_upgraded_and_keeps_every_row(empty_engine: Engine) -> None:
    upgrade(empty_engine, "0001")
    assert present(empty_engine) == "0001"
    with pytest.raises(CannotStart):
        require_newest(empty_engine)
    for table, row in FIRST_RELEASE:
        add(empty_engine, table, row)
    old = set(inspect(empty_engine).get_table_names()) - {"alembic_version"}
    before = rows_of(empty_engine, old)
    assert sum(map(len, before.values())) == len(FIRST_RELEASE)

    assert upgrade(empty_engine) == newest()

    assert rows_of(empty_engine, old) == before
    assert set(metadata.tables) - old == NEW
    planned: dict[str, object] = {
        "id": "d1",
        "key_id": "k1",
        "version_id": "v1",
        "version_number": 1,
        "vault": "https://x",
        "name": "n",
    }
    planned |= {"operations": "", "step": "planned", "evidence": "{}", "created_by": "u1", "updated_at": 1}
    add(empty_engine, "deployments", planned)  # what is new refers to what was there
    require_newest(empty_engine)


def test_a_check_that_is_replaced_holds_from_then_on(empty_engine: Engine) -> None:
    upgrade(empty_engine, "0008")
    auditor = {"id": "u1", "name": "Ada", "name_folded": "ada", "role": "auditor", "disabled": False}
    with pytest.raises(IntegrityError):
        add(empty_engine, "users", auditor)
    with empty_engine.connect() as held:  # a connection that has read the schema as it was
        inspect(held).get_check_constraints("users")
        held.rollback()
        upgrade(empty_engine)
        add(empty_engine, "users", auditor)
        with pytest.raises(IntegrityError):
            add(empty_engine, "users", {**auditor, "id": "u2", "name_folded": "eve", "role": "owner"})
        if empty_engine.dialect.name == "sqlite":
            assert held.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
            assert held.exec_driver_sql("PRAGMA foreign_key_check").all() == []
