"""The database itself refuses rows that break a rule: each named constraint has a row that it refuses."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint, func, insert, select
from sqlalchemy.exc import IntegrityError
from tests.conftest import DATABASES, PostgreSql

from keyferry.store.engine import open_engine, sqlite_url
from keyferry.store.migrating import upgrade
from keyferry.store.store import Store
from keyferry.store.tables import metadata

Row = dict[str, Any]

SEAL = {"revision": 1, "seal": b"\x00"}
USER = {"id": "u1", "name": "Ada", "name_folded": "ada", "role": "key-access-user", "disabled": False}
USER |= {"token_epoch": 1, "created_at": 0, **SEAL}
GROUP = {"id": "g1", "name": "payments", "created_at": 0, **SEAL}
KEY = {"id": "k1", "name": "tenant", "algorithm": "aes-256", "owner_user_id": "u1", "exportable": True, "usages": ""}
KEY |= {"current_version_id": "v1", "versions": 1, "created_at": 0, "created_by": "u1", **SEAL}
VERSION = {"id": "v1", "key_id": "k1", "number": 1, "state": "active", "origin": "generated", "material": b"\x00"}
VERSION |= {"created_at": 0, "created_by": "u1", **SEAL}
CONNECTION: Row = {
    "id": "c1",
    "name": "production",
    "cloud": "public",
    "credential_kind": "client-secret",
    "vaults": "[]",
}
CONNECTION |= {"credential": b"\x00", "credential_set_at": 0, "groups": "[]", "disabled": False}
CONNECTION |= {"created_at": 0, "created_by": "u1", **SEAL}
DEPLOYMENT = {"id": "d1", "key_id": "k1", "version_id": "v1", "version_number": 1, "connection_id": "c1"}
DEPLOYMENT |= {"vault": "https://x", "name": "n", "operations": "", "step": "planned", "evidence": "{}"}
DEPLOYMENT |= {"created_at": 0, "created_by": "u1", "updated_at": 0, **SEAL}
REQUEST: Row = {
    "id": "r1",
    "owner_user_id": "u1",
    "organization_id": "o",
    "workloads": "[]",
    "keys": "[]",
    "contacts": "{}",
}
REQUEST |= {"state": "draft", "history": "[]", "checks": "[]"}
REQUEST |= {"created_at": 0, "created_by": "u1", "updated_at": 0, **SEAL}
PROVIDER: Row = {"id": "i1", "name": "entra", "kind": "saml", "enabled": False, "configuration": "{}", "mapping": "{}"}
PROVIDER |= {"just_in_time": False, "asks_second_factor": False, "clock_skew": 120}
PROVIDER |= {"created_at": 0, "created_by": "u1", **SEAL}
IDENTITY: Row = {"id": "b1", "provider_id": "i1", "user_id": "u1", "subject": "s-1", "expected": "ann"}
IDENTITY |= {"created_at": 0, "created_by": "u1", **SEAL}
EVENT = {
    "uid": "e1",
    "at": 0,
    "operation": "key.generate",
    "outcome": "done",
    "details": "{}",
    "mac": b"\x00",
    "number": 1,
}

CERTIFICATE: Row = {"id": "c1", "user_id": "u1", "name": "n", "origin": "issued", "fingerprint": "00", "epoch": 1}
CERTIFICATE |= {"certificate": b"\x00", "subject": "", "issuer": "", "serial": "1", "key_type": "ec-p256"}
CERTIFICATE |= {"not_before": 0, "expires_at": 1, "created_at": 0, "created_by": "u1", **SEAL}

ISSUER: Row = {
    "id": "o1",
    "name": "pipelines",
    "issuer": "https://x",
    "audience": "keyferry",
    "key_source": "discovery",
}
ISSUER |= {"algorithms": "RS256", "longest_lifetime": 1, "clock_skew": 0, "disabled": False}
ISSUER |= {"created_at": 0, "created_by": "u1", **SEAL}
WORKLOAD: Row = {
    "id": "w1",
    "issuer_id": "o1",
    "subject": "s",
    "claims": "{}",
    "user_id": "u1",
    "name": "n",
    "epoch": 1,
}
WORKLOAD |= {"created_at": 0, "created_by": "u1", **SEAL}
FACTOR: Row = {"id": "f1", "user_id": "u1", "kind": "passkey", "name": "n", "credential_id": b"\x00", "created_at": 0}
FACTOR |= SEAL
TICKET: Row = {"id": "y1", "user_id": "u1", "needs": "factor", "digest": b"\x00", "epoch": 1, "method": "password"}
TICKET |= {"created_at": 0, "expires_at": 1, "seal": b"\x00"}
APPROVAL: Row = {"id": "p1", "operation": "key.export", "covered_as": "export", "object_type": "key"}
APPROVAL |= {"requester_id": "u1", "digest": b"\x00", "facts": "{}", "policies": "[]", "state": "pending", "votes": 0}
APPROVAL |= {"expires_at": 1, "created_at": 0, **SEAL}
VOTE: Row = {"id": "o9", "request_id": "p1", "user_id": "u1", "decision": "approve", "created_at": 0, "seal": b"\x00"}

#: one sound row for each table, in an order in which foreign keys allow them
SOUND: dict[str, Row] = {
    "server_policy": {"id": "s1", "second_factor_roles": "[]", "created_at": 0, **SEAL},
    "groups": GROUP,
    "users": USER,
    "memberships": {"id": "m1", "user_id": "u1", "group_id": "g1", "created_at": 0, "created_by": "u1", **SEAL},
    "tokens": {"id": "t1", "user_id": "u1", "kind": "session", "name": "n", "digest": b"\x00", "epoch": 1}
    | {"created_at": 0, "expires_at": 1, **SEAL},
    "certificates": CERTIFICATE,
    "trusted_issuers": ISSUER,
    "workloads": WORKLOAD,
    "factors": FACTOR,
    "tickets": TICKET,
    "earlier_passwords": {"id": "h1", "user_id": "u1", "password_hash": "h", "created_at": 0, "seal": b"\x00"},
    "approval_requests": APPROVAL,
    "approval_votes": VOTE,
    "certificate_authorities": {
        "id": "a1",
        "certificate": b"\x00",
        "key": b"\x00",
        "expires_at": 1,
        "created_at": 0,
        **SEAL,
    },
    "keys": KEY,
    "key_versions": VERSION,
    "keks": {"id": "q1", "identifier": "https://x", "public_key": b"\x00", "spki_sha256": "00", "bits": 2048}
    | {"source": "export", "registered": False, "created_at": 0, "created_by": "u1", **SEAL},
    "exports": {"id": "x1", "key_id": "k1", "version_id": "v1", "version_number": 1, "user_id": "u1", "file_bytes": 1}
    | {"destination": "azure", "key_identifier": "i", "kek_sha256": "0", "file_sha256": "0", "created_at": 0}
    | {"seal": b"\x00"},
    "connections": CONNECTION,
    "deployments": DEPLOYMENT,
    "customer_key_requests": REQUEST,
    "identity_providers": PROVIDER,
    "identities": IDENTITY,
    "provider_sessions": {"token_id": "t1", "provider_id": "i1", "subject": "{}", "expires_at": 1},
    "reminders": {"id": "n1", "key_id": "k1", "version_id": "v1", "about": "rotation", "days": 7, "due_at": 1}
    | {"created_at": 0},
    "audit_events": EVENT,
    "sign_ins": {"user_id": "u1", "network": "local", "last_at": 0},
}

OTHER_USER = {**USER, "id": "u2", "name": "Bo", "name_folded": "bo"}
_ANOTHER = {"subject": "s-2", "expected": "bo"}
OTHER_ISSUER = {**ISSUER, "id": "o2", "name": "others", "issuer": "https://y"}
OTHER_KEY = {**KEY, "id": "k2", "name": "other"}

#: constraint -> (table, what is different from the sound row)
BREAKS: Mapping[str, tuple[str, Row]] = {
    "ck_users_role_known": ("users", {**OTHER_USER, "role": "root"}),
    "ck_server_policy_revision_positive": ("server_policy", {"id": "s2", "revision": 0}),
    "ck_users_revision_positive": ("users", {**OTHER_USER, "revision": 0}),
    "uq_users_name_folded": ("users", {**OTHER_USER, "name_folded": "ada"}),
    "fk_users_default_group_id": ("users", {**OTHER_USER, "default_group_id": "nowhere"}),
    "ck_groups_kek_policy_known": ("groups", {**GROUP, "id": "g2", "name": "b", "kek_policy": "none"}),
    "ck_groups_revision_positive": ("groups", {**GROUP, "id": "g2", "name": "b", "revision": -1}),
    "uq_groups_name": ("groups", {**GROUP, "id": "g2"}),
    "ck_memberships_revision_positive": ("memberships", {"id": "m2", "user_id": "u0", "revision": 0}),
    "uq_memberships_user_id_group_id": ("memberships", {"id": "m2"}),
    "fk_memberships_user_id": ("memberships", {"id": "m2", "user_id": "nobody"}),
    "fk_memberships_group_id": ("memberships", {"id": "m2", "group_id": "nowhere"}),
    "ck_tokens_kind_known": ("tokens", {"id": "t2", "kind": "root"}),
    "ck_tokens_revision_positive": ("tokens", {"id": "t2", "revision": 0}),
    "fk_tokens_user_id": ("tokens", {"id": "t2", "user_id": "nobody"}),
    "ck_certificates_origin_known": ("certificates", {"id": "c2", "fingerprint": "01", "origin": "found"}),
    "ck_certificates_revision_positive": ("certificates", {"id": "c2", "fingerprint": "01", "revision": 0}),
    "fk_certificates_user_id": ("certificates", {"id": "c2", "fingerprint": "01", "user_id": "nobody"}),
    "uq_certificates_fingerprint": ("certificates", {"id": "c2"}),
    "ck_certificate_authorities_revision_positive": ("certificate_authorities", {"id": "a2", "revision": 0}),
    "ck_trusted_issuers_key_source_known": ("trusted_issuers", {**OTHER_ISSUER, "key_source": "guess"}),
    "ck_trusted_issuers_address_where_it_is_the_source": (
        "trusted_issuers",
        {**OTHER_ISSUER, "key_set_url": "https://x"},
    ),
    "ck_trusted_issuers_document_where_it_is_the_source": ("trusted_issuers", {**OTHER_ISSUER, "key_set": "{}"}),
    "ck_trusted_issuers_revision_positive": ("trusted_issuers", {**OTHER_ISSUER, "revision": 0}),
    "uq_trusted_issuers_name": ("trusted_issuers", {**OTHER_ISSUER, "name": "pipelines"}),
    "ck_workloads_revision_positive": ("workloads", {"id": "w2", "revision": 0}),
    "fk_workloads_user_id": ("workloads", {"id": "w2", "user_id": "nobody"}),
    "fk_workloads_issuer_id": ("workloads", {"id": "w2", "issuer_id": "nowhere"}),
    "ck_factors_kind_known": ("factors", {"id": "f2", "credential_id": None, "kind": "smell"}),
    "ck_factors_revision_positive": ("factors", {"id": "f2", "credential_id": None, "revision": 0}),
    "uq_factors_credential_id": ("factors", {"id": "f2"}),
    "fk_factors_user_id": ("factors", {"id": "f2", "credential_id": None, "user_id": "nobody"}),
    "ck_tickets_needs_known": ("tickets", {"id": "y2", "needs": "luck"}),
    "fk_tickets_user_id": ("tickets", {"id": "y2", "user_id": "nobody"}),
    "fk_earlier_passwords_user_id": ("earlier_passwords", {"id": "h2", "user_id": "nobody"}),
    "ck_approval_requests_state_known": ("approval_requests", {"id": "p2", "state": "forgotten"}),
    "ck_approval_requests_revision_positive": ("approval_requests", {"id": "p2", "state": "used", "revision": 0}),
    "fk_approval_requests_requester_id": ("approval_requests", {"id": "p2", "requester_id": "nobody"}),
    "ck_approval_votes_decision_known": ("approval_votes", {"id": "o8", "user_id": "u0", "decision": "perhaps"}),
    "uq_approval_votes_request_id_user_id": ("approval_votes", {"id": "o8"}),
    "fk_approval_votes_request_id": ("approval_votes", {"id": "o8", "request_id": "nowhere"}),
    "fk_approval_votes_user_id": ("approval_votes", {"id": "o8", "user_id": "nobody"}),
    "ck_keys_one_owner": ("keys", {**OTHER_KEY, "owner_group_id": "g1"}),
    "ck_keys_revision_positive": ("keys", {**OTHER_KEY, "revision": 0}),
    "uq_keys_owner_user_id_name": ("keys", {**OTHER_KEY, "name": "tenant"}),
    "uq_keys_owner_group_id_name": (
        "keys",
        {**OTHER_KEY, "name": "shared", "owner_user_id": None, "owner_group_id": "g1"},
    ),
    "fk_keys_owner_user_id": ("keys", {**OTHER_KEY, "owner_user_id": "nobody"}),
    "fk_keys_owner_group_id": ("keys", {**OTHER_KEY, "owner_user_id": None, "owner_group_id": "nowhere"}),
    "ck_key_versions_state_known": ("key_versions", {"id": "v2", "number": 2, "state": "lost"}),
    "ck_key_versions_origin_known": ("key_versions", {"id": "v2", "number": 2, "origin": "found"}),
    "ck_key_versions_erased_when_destroyed": ("key_versions", {"id": "v2", "number": 2, "state": "destroyed"}),
    "ck_key_versions_revision_positive": ("key_versions", {"id": "v2", "number": 2, "revision": 0}),
    "uq_key_versions_key_id_number": ("key_versions", {"id": "v2"}),
    "fk_key_versions_key_id": ("key_versions", {"id": "v2", "number": 2, "key_id": "nowhere"}),
    "ck_keks_source_known": ("keks", {"id": "q2", "identifier": "b", "source": "rumour"}),
    "ck_keks_revision_positive": ("keks", {"id": "q2", "identifier": "b", "revision": 0}),
    "uq_keks_identifier": ("keks", {"id": "q2"}),
    "uq_exports_id": ("exports", {}),
    "fk_exports_key_id": ("exports", {"id": "x2", "key_id": "nowhere"}),
    "fk_exports_version_id": ("exports", {"id": "x2", "version_id": "nowhere"}),
    "fk_exports_user_id": ("exports", {"id": "x2", "user_id": "nobody"}),
    "ck_connections_cloud_known": ("connections", {"id": "c2", "name": "b", "cloud": "moon"}),
    "ck_connections_credential_kind_known": ("connections", {"id": "c2", "name": "b", "credential_kind": "password"}),
    "ck_connections_endpoints_of_a_custom_cloud": ("connections", {"id": "c2", "name": "b", "endpoints": "{}"}),
    "ck_connections_credential_kept_while_needed": ("connections", {"id": "c2", "name": "b", "credential": None}),
    "ck_connections_revision_positive": ("connections", {"id": "c2", "name": "b", "revision": 0}),
    "uq_connections_name": ("connections", {"id": "c2"}),
    "ck_deployments_step_known": ("deployments", {"id": "d2", "step": "arrived"}),
    "ck_deployments_lease_ends": ("deployments", {"id": "d2", "lease_id": "l"}),
    "ck_deployments_revision_positive": ("deployments", {"id": "d2", "revision": 0}),
    "fk_deployments_key_id": ("deployments", {"id": "d2", "key_id": "nowhere"}),
    "fk_deployments_version_id": ("deployments", {"id": "d2", "version_id": "nowhere"}),
    "fk_deployments_connection_id": ("deployments", {"id": "d2", "connection_id": "nowhere"}),
    "ck_customer_key_requests_state_known": ("customer_key_requests", {"id": "r2", "state": "lost"}),
    "ck_customer_key_requests_one_owner": ("customer_key_requests", {"id": "r2", "owner_group_id": "g1"}),
    "ck_customer_key_requests_revision_positive": ("customer_key_requests", {"id": "r2", "revision": 0}),
    "fk_customer_key_requests_owner_user_id": ("customer_key_requests", {"id": "r2", "owner_user_id": "nobody"}),
    "fk_customer_key_requests_owner_group_id": (
        "customer_key_requests",
        {"id": "r2", "owner_user_id": None, "owner_group_id": "nowhere"},
    ),
    "ck_identity_providers_kind_known": ("identity_providers", {"id": "i2", "name": "b", "kind": "ldap"}),
    "ck_identity_providers_revision_positive": ("identity_providers", {"id": "i2", "name": "b", "revision": 0}),
    "uq_identity_providers_name": ("identity_providers", {"id": "i2"}),
    "ck_identities_known_by_something": (
        "identities",
        {"id": "b2", "user_id": "u0", "subject": None, "expected": None},
    ),
    "ck_identities_revision_positive": ("identities", {"id": "b2", "user_id": "u0", **_ANOTHER, "revision": 0}),
    "uq_identities_provider_id_subject": ("identities", {"id": "b2", "user_id": "u0", "expected": "bo"}),
    "uq_identities_provider_id_expected": ("identities", {"id": "b2", "user_id": "u0", "subject": "s-2"}),
    "uq_identities_provider_id_user_id": ("identities", {"id": "b2", **_ANOTHER}),
    "fk_identities_provider_id": ("identities", {"id": "b2", "user_id": "u0", "provider_id": "nowhere"}),
    "fk_identities_user_id": ("identities", {"id": "b2", "user_id": "nobody", **_ANOTHER}),
    "fk_provider_sessions_token_id": ("provider_sessions", {"token_id": "nowhere"}),
    "fk_provider_sessions_provider_id": ("provider_sessions", {"token_id": "t9", "provider_id": "nowhere"}),
    "ck_reminders_about_known": ("reminders", {"id": "n2", "about": "lunch"}),
    "uq_reminders_version_id_about_days_due_at": ("reminders", {"id": "n2"}),
    "fk_reminders_key_id": ("reminders", {"id": "n2", "key_id": "nowhere", "days": 1}),
    "ck_audit_events_outcome_known": ("audit_events", {"number": 2, "outcome": "perhaps"}),
    "uq_audit_events_number": ("audit_events", {}),
    "fk_sign_ins_user_id": ("sign_ins", {"user_id": "nobody"}),
}


@pytest.fixture(scope="module", params=DATABASES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all tests of a database, which it refuses all that they do."""
    if request.param == "sqlite":
        store = Store(open_engine(sqlite_url(tmp_path_factory.mktemp("filled") / "keyferry.db")))
        upgrade(store.engine)
    else:
        server: PostgreSql = request.getfixturevalue("postgresql")
        store = Store(open_engine(server.migrated()))
    shared = {**KEY, "id": "k9", "name": "shared", "owner_user_id": None, "owner_group_id": "g1"}
    for table, row in [*SOUND.items(), ("users", {**OTHER_USER, "id": "u0", "name_folded": "z"}), ("keys", shared)]:
        add(store, table, row)
    before = counts(store)
    yield store
    assert counts(store) == before, "a row was added or deleted, and so what came later says nothing"
    store.close()


def counts(store: Store) -> dict[str, int]:
    with store.engine.connect() as connection:
        rows = {table: select(func.count()).select_from(metadata.tables[table]) for table in metadata.tables}
        return {table: connection.execute(each).scalar_one() for table, each in rows.items()}


def add(store: Store, table: str, row: Row) -> None:
    with store.engine.begin() as connection:
        connection.execute(insert(metadata.tables[table]).values(**row))


def test_every_constraint_is_in_the_table_above() -> None:
    kinds = (CheckConstraint, UniqueConstraint, ForeignKeyConstraint)
    named = {
        str(each.name) for table in metadata.tables.values() for each in table.constraints if isinstance(each, kinds)
    }
    assert named == set(BREAKS)


@pytest.mark.parametrize("name", BREAKS)
def test_a_row_that_breaks_a_rule_is_refused(filled: Store, name: str) -> None:
    table, different = BREAKS[name]
    with pytest.raises(IntegrityError) as refused:
        add(filled, table, {**SOUND[table], **different})
    assert named_in(str(refused.value.orig), name, table)


def named_in(message: str, name: str, table: str) -> bool:
    """PostgreSQL names every constraint; SQLite names checks, a unique constraint's columns, and no foreign key."""
    (broken,) = (each for each in metadata.tables[table].constraints if each.name == name)
    columns = [f"{table}.{column.name}" for column in broken.columns]  # type: ignore[attr-defined]  # all kinds have them
    return (
        f'"{name}"' in message
        or f"CHECK constraint failed: {name}" in message
        or (name.startswith("uq_") and message.startswith("UNIQUE") and message.endswith(": " + ", ".join(columns)))
        or (name.startswith("fk_") and "FOREIGN KEY constraint failed" in message)
    )


@pytest.mark.parametrize("table", ["users", "groups", "keys", "key_versions"])
def test_what_is_referred_to_cannot_be_deleted(filled: Store, table: str) -> None:
    with pytest.raises(IntegrityError), filled.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM {table}")
