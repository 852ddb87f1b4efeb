"""The rule about a key's vault backup, from Keyferry's own record.

A copy of the key in a key management server is no backup of the vault key: Microsoft's documentation says that it lacks
the vault's metadata. Only `.backup` files, which the vault itself writes, restore it; into the same subscription.
"""

from typing import Final

from keyferry.customer_key import remedies, sources
from keyferry.customer_key.lines import Finding, Weight, fails, passes, unseen
from keyferry.customer_key.pair import Member, Unread
from keyferry.customer_key.remedies import moment
from keyferry.customer_key.rules import Context, MemberRule

CLOCKS_APART: Final = 300
"""By how many seconds the vault's clock and Keyferry's may differ."""


def _taken(member: Member, _: Context) -> Finding:
    backup, remedy = member.backup, remedies.back_up(member)
    if isinstance(backup, Unread):
        return fails(backup.reason, remedy) if backup.absent else unseen(backup.reason, remedy)
    taken = f"Keyferry recorded a vault backup at {moment(backup.taken_at)} (SHA-256 {backup.sha256})"
    changed = None if isinstance(member.key, Unread) else member.key.updated
    if changed is not None and changed > backup.taken_at + CLOCKS_APART:
        return fails(f"{taken}, but the key was changed at {moment(changed)}.", remedy)
    return passes(f"{taken}.")


RULES: Final = (
    MemberRule(
        id="backup-taken",
        wanted="A vault backup was taken since the key was last changed.",
        weight=Weight.REQUIRED,
        source=sources.LEGACY,
        judge=_taken,
    ),
)
"""In the order in which they are told."""
