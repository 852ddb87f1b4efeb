"""The tables, the same on SQLite and PostgreSQL: a module a subject. Constraints are named and mirror the rules.

Times are integer microseconds UTC, ids lower-case UUIDs in text. A row that a rule depends on carries a `seal` (an
HMAC over its other columns) and, where it can change, a `revision`. `records` has a value type for each table.
"""

from keyferry.store.tables.approvals import approval_requests, approval_votes
from keyferry.store.tables.audit import audit_events
from keyferry.store.tables.certificates import certificate_authorities, certificates
from keyferry.store.tables.columns import metadata
from keyferry.store.tables.counts import (
    BLANK,
    NEVER,
    activity_counts,
    counted,
    counted_keys,
    expiry_counts,
    key_counts,
    owner_counts,
)
from keyferry.store.tables.customer_key import customer_key_requests
from keyferry.store.tables.deployments import connections, deployments
from keyferry.store.tables.exports import exports, keks
from keyferry.store.tables.keys import key_versions, keys, pool_keys, reminders
from keyferry.store.tables.people import groups, memberships, users
from keyferry.store.tables.providers import (
    identities,
    identity_providers,
    provider_sessions,
    seen_once,
    tested_sign_ins,
)
from keyferry.store.tables.server import data_keys, server_policy, stores
from keyferry.store.tables.serving import activity, idempotency, job_runs, leases
from keyferry.store.tables.sign_in import earlier_passwords, factors, sign_in_failures, sign_ins, tickets, tokens
from keyferry.store.tables.workloads import trusted_issuers, workloads

__all__ = [
    "BLANK",
    "NEVER",
    "activity",
    "activity_counts",
    "approval_requests",
    "approval_votes",
    "audit_events",
    "certificate_authorities",
    "certificates",
    "connections",
    "counted",
    "counted_keys",
    "customer_key_requests",
    "data_keys",
    "deployments",
    "earlier_passwords",
    "expiry_counts",
    "exports",
    "factors",
    "groups",
    "idempotency",
    "identities",
    "identity_providers",
    "job_runs",
    "keks",
    "key_counts",
    "key_versions",
    "keys",
    "leases",
    "memberships",
    "metadata",
    "owner_counts",
    "pool_keys",
    "provider_sessions",
    "reminders",
    "seen_once",
    "server_policy",
    "sign_in_failures",
    "sign_ins",
    "stores",
    "tested_sign_ins",
    "tickets",
    "tokens",
    "trusted_issuers",
    "users",
    "workloads",
]
