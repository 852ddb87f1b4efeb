"""Tables and the values for their rows say the same."""

from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import Table

from keyferry.store import records, sealed, tables
from keyferry.store.sealed import RevisedTable, SealedTable

SEALED: dict[str, SealedTable[Any]] = {
    value.kind: value for value in vars(sealed).values() if isinstance(value, SealedTable)
}
PAIRS = [(table.table, table._record) for table in SEALED.values()] + [(tables.audit_events, records.AuditEvent)]
#: they grant nothing, or (stores, data keys) are proved by the root of trust when they are opened
UNSEALED = {"stores", "data_keys", "sign_in_failures", "sign_ins", "activity", "audit_events", "reminders", "leases"}
UNSEALED |= {"job_runs"}
#: what may come once alone, for minutes; which session a provider may end; what a test of a provider has shown
UNSEALED |= {"seen_once", "provider_sessions", "tested_sign_ins"}
UNSEALED |= {"counted", "counted_keys", "key_counts", "expiry_counts", "owner_counts", "activity_counts"}

pairs = pytest.mark.parametrize(("table", "record"), PAIRS, ids=[table.name for table, _ in PAIRS])


def test_every_table_is_sealed_or_known_not_to_be() -> None:
    assert set(tables.metadata.tables) == set(SEALED) | UNSEALED


@pairs
def test_a_record_has_the_columns_of_its_table(table: Table, record: type) -> None:
    assert {field.name for field in fields(record)} == set(table.c.keys())


@pairs
def test_what_may_be_none_may_be_null(table: Table, record: type) -> None:
    hints = get_type_hints(record)
    may_be_none = {name for name in table.c.keys() if NoneType in get_args(hints[name])}  # noqa: SIM118  # a collection
    assert may_be_none == {column.name for column in table.c if column.nullable}


@pairs
def test_fields_have_the_types_of_their_columns(table: Table, record: type) -> None:
    hints = get_type_hints(record)
    for column in table.c:
        hint = hints[column.name]
        plain = next(arg for arg in get_args(hint) if arg is not NoneType) if isinstance(hint, UnionType) else hint
        assert plain is column.type.python_type, column.name


@pairs
def test_nothing_that_restricts_has_a_default_that_opens(table: Table, record: type) -> None:
    defaults = {field.name: field.default for field in fields(record) if field.default is not MISSING}
    assert defaults.keys().isdisjoint(
        {"role", "state", "owner_user", "exportable", "registered", "expires_at", "epoch"}
    )


@pytest.mark.parametrize("table", SEALED.values(), ids=SEALED)
def test_a_seal_covers_every_column_but_itself(table: SealedTable[Any]) -> None:
    given_by_the_database = {"number"} if table.kind == "exports" else set()
    assert set(table._sealed) == set(table.table.c.keys()) - {"seal"} - given_by_the_database


@pytest.mark.parametrize("table", SEALED.values(), ids=SEALED)
def test_rows_that_change_have_a_revision(table: SealedTable[Any]) -> None:
    assert isinstance(table, RevisedTable) == ("revision" in table.table.c)
    assert isinstance(table, RevisedTable) == (
        table.kind not in {"exports", "idempotency", "pool_keys", "approval_votes", "tickets", "earlier_passwords"}
    )
