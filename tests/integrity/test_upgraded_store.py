"""A store that the first release left is upgraded: its keys serve as before, and can be deployed."""

from pathlib import Path

from tests.custody.pushing import connect, leased_walk
from tests.integrity.behind import Behind
from tests.integrity.conftest import Scene

from keyferry.custody.deployment_steps import Step
from keyferry.installation import upgrade_store
from keyferry.store.migrating import newest
from keyferry.testing import Kit

SINCE_THEN = (
    *("certificates", "certificate_authorities"),
    *("provider_sessions", "tested_sign_ins", "seen_once", "identities", "identity_providers"),
    "approval_votes",
    "approval_requests",
    "workloads",
    "trusted_issuers",
    "customer_key_requests",
    "deployments",
    "connections",
    "reminders",
    "leases",
    "pool_keys",
    "job_runs",
    "factors",
    "tickets",
    "earlier_passwords",
)
#: those that get a row as soon as a store is opened
ROWS_AT_ONCE = ("server_policy",)
INDEXES = (
    "ix_keys_rotate_at",
    "ix_keys_approvals",
    "ix_users_role_disabled_name_folded",
    "ix_users_networks_role_disabled_name_folded",
    "ix_tokens_provider_id",
)
COUNTS = ("counted", "counted_keys", "key_counts", "expiry_counts", "owner_counts", "activity_counts")
#: checks that migrations replace, and that somebody behind a PostgreSQL store does without
CHECKS = {"users": {"ck_users_role_known": "role IN ('administrator', 'key-access-user')"}}
COLUMNS = {
    "keys": ("rotate_every", "rotate_before", "rotate_at", "approvals"),
    "groups": ("approvals",),
    "tokens": (
        *("idle_after", "certificate_id", "method", "second_factor"),
        *("operations", "key_ids", "group_ids", "networks", "provider_id"),
    ),
    "users": ("must_change", "factors", "factors_reset_by", "factors_reset_at"),
}


def as_the_first_release_left_it(behind: Behind) -> None:
    """Nothing was ever written to the tables and columns that came later, and no event was numbered."""
    behind.run("UPDATE audit_events SET number = NULL, leaf_hash = NULL, head = NULL, place_mac = NULL")
    for table in SINCE_THEN:
        assert behind.rows(table) == []
        behind.run(f"DROP TABLE {table}")
    for table in ROWS_AT_ONCE:
        (row,) = behind.rows(table)
        behind.run("DELETE FROM audit_events WHERE object_id = :id", id=row["id"])
        behind.run(f"DROP TABLE {table}")
    for table in COUNTS:  # which are made of what was there before
        behind.run(f"DROP TABLE {table}")
    for index in INDEXES:
        behind.run(f"DROP INDEX {index}")
    for table, columns in COLUMNS.items():
        for column in columns:
            behind.run(f"ALTER TABLE {table} DROP COLUMN {column}")
    if not behind.is_sqlite:
        for table, checks in CHECKS.items():
            for name, condition in checks.items():
                behind.run(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})")
    behind.run("UPDATE alembic_version SET version_num = '0001'")


def test_an_installation_of_the_first_release_goes_on(scene: Scene, tmp_path: Path) -> None:
    settings = scene.kit.installation.settings
    as_the_first_release_left_it(scene.behind)
    scene.kit.close()

    assert upgrade_store(settings) == newest()

    kit = Kit.open(settings.home)
    try:
        kim = kit.sign_in("kim")
        assert kit.custody.keys.show(kim, scene.key_id) == scene.key
        connect(kit)
        assert leased_walk(kit, kim, scene.key_id, scene.kek).to(Step.PROVED).detail.step is Step.PROVED
        kit.background.tick()
        assert kit.custody.audit.verify(kit.administrator).findings == ()
    finally:
        kit.close()
