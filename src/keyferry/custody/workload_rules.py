"""Whether a binding still lets its workload in: judged on the rows as they are, at every operation."""

from keyferry.clock import Microseconds
from keyferry.custody.admission import admits
from keyferry.store.records import TrustedIssuer, User, Workload


def why_not(
    workload: Workload | None, issuer: TrustedIssuer | None, user: User | None, address: str | None, now: Microseconds
) -> str | None:
    """Why the workload may not act as the user just now; None when it may. The user's own networks are asked apart."""
    if workload is None or user is None or workload.user_id != user.id:
        return "This workload is not known."
    if issuer is None or issuer.id != workload.issuer_id or issuer.deleted_at is not None or issuer.disabled:
        return "The workload's issuer is not trusted."
    if user.deleted_at is not None or user.disabled:
        return "The workload's account is disabled or gone."
    if workload.revoked_at is not None or workload.epoch != user.token_epoch:
        return "The workload's binding was revoked."
    if workload.expires_at is not None and workload.expires_at <= now:
        return "The workload's binding has expired."
    if not admits(workload.networks, address):
        return "The workload may not call from this address."
    return None
