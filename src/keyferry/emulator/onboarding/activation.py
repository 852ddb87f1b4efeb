"""Activating a pair: a root secret for the tenant, wrapped by both vault keys and unwrapped again.

1. A random secret of 32 bytes is made.
2. Each key wraps it, in its vault, as the workload's service principal: permission and rules of keys apply.
3. Each key unwraps what it wrapped, in the same way, and both must give the secret back.
4. The wrapped copies and the secret's SHA-256 are kept; the secret goes.

That the real service does so is documented in outline (learn.microsoft.com/purview/customer-key-overview: the pair's
keys protect the availability of one root); the algorithm, RSA-OAEP-256 here, is unconfirmed.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from Crypto.Random import get_random_bytes

from keyferry.emulator.failures import AzureFailure
from keyferry.emulator.keys import encoding, using
from keyferry.emulator.keys.kinds import Operation
from keyferry.emulator.management import access
from keyferry.emulator.onboarding.findings import Finding
from keyferry.emulator.onboarding.members import Member

ALGORITHM: Final = "RSA-OAEP-256"
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """What is kept of an activated pair; `keys` are the versions' identifiers."""

    keys: tuple[str, str]
    wrapped: tuple[bytes, bytes]
    secret_sha256: bytes
    algorithm: str = ALGORITHM


class NotActivated(Exception):
    """The pair could not be activated; `findings` says which key failed, and at what."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__()
        self.findings = findings


def activate(first: Member, second: Member) -> Activated:
    """Put a new root secret under both keys. Nothing is kept here.

    Raises:
        NotActivated: a key did not wrap, or did not give back what it wrapped.
    """
    secret = get_random_bytes(SECRET_BYTES)
    results = [_wrapped(member, secret) for member in (first, second)]
    failed = tuple(result for result in results if isinstance(result, Finding))
    if failed:
        raise NotActivated(failed)
    (key1, wrapped1), (key2, wrapped2) = (result for result in results if not isinstance(result, Finding))
    digest = hashlib.sha256(secret).digest()
    return Activated(keys=(key1, key2), wrapped=(wrapped1, wrapped2), secret_sha256=digest)


def still_opens(member: Member, wrapped: bytes, secret_sha256: bytes) -> bool:
    """Whether a key opens its copy of the root secret now, as the workload's service principal."""
    try:
        opened = _unwrap(member, member.version, wrapped)
    except AzureFailure:
        return False
    return hmac.compare_digest(hashlib.sha256(opened).digest(), secret_sha256)


def findings_of(first: Member, second: Member) -> Iterator[Finding]:
    """That both keys wrapped and unwrapped."""
    for member in (first, second):
        yield Finding(
            validation="WrapAndUnwrap",
            subject=member.identifier,
            detail="The key wrapped the tenant's root secret, and unwrapped it again.",
        )


def _wrapped(member: Member, secret: bytes) -> tuple[str, bytes] | Finding:
    try:
        answer = _run(member, Operation.WRAP, member.version, secret)
        identifier, wrapped = str(answer["kid"]), encoding.decode(answer["value"])
        opened = _unwrap(member, identifier.rpartition("/")[2], wrapped)
    except AzureFailure as failure:
        return _failed(member, failure.message)
    if not hmac.compare_digest(opened, secret):
        return _failed(member, "the key gave back something else than it had wrapped")
    return identifier, wrapped


def _unwrap(member: Member, version: str | None, wrapped: bytes) -> bytes:
    return encoding.decode(_run(member, Operation.UNWRAP, version, wrapped)["value"])


def _run(member: Member, operation: Operation, version: str | None, value: bytes) -> dict[str, str]:
    if member.call is None or member.name is None:
        raise AzureFailure(404, "KeyNotFound", member.problem)
    access.require(member.call.state, member.call.vault, member.call.principal, operation, member.name)
    use = using.encrypting(operation) if operation is Operation.WRAP else using.decrypting(operation)
    return use(member.call, member.name, version, {"alg": ALGORITHM, "value": encoding.encode(value)})


def _failed(member: Member, why: str) -> Finding:
    return Finding(
        validation="WrapAndUnwrap",
        subject=member.identifier,
        detail=f"The key did not wrap and unwrap: {why}",
        remedy="Correct what is said, then validate and enable again. Nothing was activated.",
    )
