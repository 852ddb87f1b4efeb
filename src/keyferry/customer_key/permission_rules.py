"""Rules about who may do what with a key."""

from collections.abc import Callable
from typing import Final

from keyferry.clouds.azure.facts import Grant, VaultConfiguration
from keyferry.customer_key import remedies, sources
from keyferry.customer_key.lines import Finding, Weight, fails, passes, unseen
from keyferry.customer_key.pair import Member, Unread
from keyferry.customer_key.rules import Context, MemberRule
from keyferry.customer_key.workloads import PERMISSIONS, WORKLOADS, Workload

DESTRUCTIVE: Final = frozenset({"delete", "purge"})
CUSTODY: Final = frozenset({"create", "import", "update", "delete", "purge", "backup", "restore"})
"""What makes a person a custodian of the key, rather than somebody who uses or sees it."""

_HARMLESS: Final = frozenset({"list", "getrotationpolicy"})  # what the built-in role gives beside the three


def held_by(grants: tuple[Grant, ...], principal_id: str) -> frozenset[str]:
    """The permission words, in lower case, that a principal has by grants of its own (not by those of a group)."""
    mine = (grant.permissions for grant in grants if grant.principal_id.lower() == principal_id.lower())
    return frozenset(word.lower() for words in mine for word in words)


def custodians(vault: VaultConfiguration) -> frozenset[str] | None:
    """The object ids, lower case, of whoever can make, change, back up or delete keys; None when it cannot be seen."""
    if vault.grants is None:
        return None
    return frozenset(grant.principal_id.lower() for grant in vault.grants if is_custody(grant))


def is_custody(grant: Grant) -> bool:
    """Whether a grant makes a custodian."""
    return bool(_words(grant) & CUSTODY)


def _words(grant: Grant) -> frozenset[str]:
    return frozenset(word.lower() for word in grant.permissions)


def _may_use(workload: Workload) -> Callable[[Member, Context], Finding]:
    wanted = frozenset(each.lower() for each in PERMISSIONS)

    def judge(member: Member, context: Context) -> Finding:
        object_id = context.pair.principals.get(workload.application_id)
        if isinstance(member.vault, Unread):
            return unseen(member.vault.reason, remedies.see_vault(member))
        if workload.application_id in context.pair.absent:
            return fails(_not_registered(workload), remedies.register_principal(workload.application_id))
        grants, remedy = member.vault.grants, remedies.grant(member, workload, object_id, rbac=member.vault.rbac)
        if grants is None:
            return unseen("Who may do what at the vault cannot be seen.", remedies.list_grants(member))
        if not any(wanted <= held_by(grants, each.principal_id) for each in grants):
            return fails(f"Nobody at all has {', '.join(PERMISSIONS)} for keys.", remedy)
        if object_id is None:
            reason = f"The object id of {workload.application} in this tenant cannot be seen."
            return unseen(reason, remedies.show_principal(workload.application_id))
        held = held_by(grants, object_id)
        missing = [each for each in PERMISSIONS if each.lower() not in held]
        if missing:
            who = f"{workload.application} ({object_id})"
            found = f"{who} has no grant of its own for: {', '.join(missing)}; at the vault or above it."
            return fails(found, remedy)
        return passes(f"{workload.application} ({object_id}) has {', '.join(PERMISSIONS)}.")

    return judge


def _no_more(workload: Workload) -> Callable[[Member, Context], Finding]:
    allowed = frozenset(each.lower() for each in PERMISSIONS) | _HARMLESS

    def judge(member: Member, context: Context) -> Finding:
        object_id = context.pair.principals.get(workload.application_id)
        if isinstance(member.vault, Unread):
            return unseen(member.vault.reason, remedies.see_vault(member))
        grants = member.vault.grants
        if grants is None:
            return unseen("Who may do what at the vault cannot be seen.", remedies.list_grants(member))
        if workload.application_id in context.pair.absent:
            return passes(f"{_not_registered(workload)} It may do nothing.")
        if object_id is None:
            reason = f"The object id of {workload.application} in this tenant cannot be seen."
            return unseen(reason, remedies.show_principal(workload.application_id))
        more = sorted(held_by(grants, object_id) - allowed)
        if not more:
            return passes(f"{workload.application} may do nothing beyond {', '.join(PERMISSIONS)}.")
        grant = next(
            each
            for each in grants
            if each.principal_id.lower() == object_id.lower() and _words(each).intersection(more)
        )
        remedy = remedies.withdraw(member, grant, more, rbac=member.vault.rbac)
        return fails(f"{workload.application} ({object_id}) may also: {', '.join(more)}.", remedy)

    return judge


def _not_registered(workload: Workload) -> str:
    return f"{workload.application} has no service principal in this tenant."


def _nobody_deletes(member: Member, _: Context) -> Finding:
    if isinstance(member.vault, Unread):
        return unseen(member.vault.reason, remedies.see_vault(member))
    if member.vault.grants is None:
        return unseen("Who may do what at the vault cannot be seen.", remedies.list_grants(member))
    able = [grant for grant in member.vault.grants if _words(grant) & DESTRUCTIVE]
    if not able:
        return passes("Nobody has a standing right to delete or purge keys.")
    who = "; ".join(sorted({f"{grant.principal_id} by {grant.via}" for grant in able}))
    return fails(
        f"These may delete or purge keys: {who}.",
        remedies.withdraw(member, able[0], DESTRUCTIVE, rbac=member.vault.rbac),
    )


NOBODY_DELETES: Final = MemberRule(
    id="vault-no-deletion",
    wanted="Nobody has a standing right to delete or purge keys.",
    weight=Weight.RECOMMENDED,
    source=sources.LEGACY,
    judge=_nobody_deletes,
)

_USE: Final = {
    workload.name: MemberRule(
        id=f"permissions-{workload.name}",
        wanted=f"{workload.application} has get, wrapKey and unwrapKey.",
        weight=Weight.REQUIRED,
        source=sources.SET_UP,
        judge=_may_use(workload),
    )
    for workload in WORKLOADS.values()
}
_NO_MORE: Final = {
    workload.name: MemberRule(
        id=f"permissions-{workload.name}-no-more",
        wanted=f"{workload.application} has no right beyond these.",
        weight=Weight.RECOMMENDED,
        source=sources.SET_UP,
        judge=_no_more(workload),
    )
    for workload in WORKLOADS.values()
}


def permission_rules(workloads: tuple[Workload, ...]) -> tuple[MemberRule, ...]:
    """The rules for the chosen workloads, and the one for everybody else."""
    chosen = tuple(rule for each in workloads for rule in (_USE[each.name], _NO_MORE[each.name]))
    return (*chosen, NOBODY_DELETES)
