"""A frozen value for each row, field by field as in `tables`: a module a subject, as there."""

from keyferry.store.records.approvals import ApprovalRequest, ApprovalVote
from keyferry.store.records.audit import AuditEvent
from keyferry.store.records.certificates import Certificate, CertificateAuthority
from keyferry.store.records.customer_key import CustomerKeyRequest
from keyferry.store.records.deployments import Connection, Deployment
from keyferry.store.records.exports import Export, Kek
from keyferry.store.records.keys import Key, KeyVersion, PoolKey
from keyferry.store.records.people import Group, Membership, User
from keyferry.store.records.providers import Identity, IdentityProvider
from keyferry.store.records.rows import Revised, Sealed
from keyferry.store.records.server import ServerPolicy
from keyferry.store.records.serving import Idempotency
from keyferry.store.records.sign_in import EarlierPassword, Factor, Ticket, Token
from keyferry.store.records.workloads import TrustedIssuer, Workload

__all__ = [
    "ApprovalRequest",
    "ApprovalVote",
    "AuditEvent",
    "Certificate",
    "CertificateAuthority",
    "Connection",
    "CustomerKeyRequest",
    "Deployment",
    "EarlierPassword",
    "Export",
    "Factor",
    "Group",
    "Idempotency",
    "Identity",
    "IdentityProvider",
    "Kek",
    "Key",
    "KeyVersion",
    "Membership",
    "PoolKey",
    "Revised",
    "Sealed",
    "ServerPolicy",
    "Ticket",
    "Token",
    "TrustedIssuer",
    "User",
    "Workload",
]
