"""The fields of a form that say what needs the approval of others, for groups and keys alike."""

from typing import Final

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.approval_policy import NO_APPROVALS, OF_KEYS, USUAL, ApprovalWish
from keyferry.custody.approvals import PolicyDetail
from keyferry.custody.policy import Covered
from keyferry.web.forms import Form

_HOUR: Final[Microseconds] = 3600 * SECOND

OPTIONS: Final = (
    (Covered.EXPORT, "Export"),
    (Covered.DESTROY, "Destroy"),
    (Covered.COMPROMISE, "Mark compromised"),
    (Covered.OWNER_CHANGE, "Give to another owner"),
    (Covered.POLICY_CHANGE, "Change this policy"),
    (Covered.MEMBERSHIP, "Join the group, or change a member's role"),
    (Covered.PASSWORD_RESET, "Set a member's or an approver's password"),
    (Covered.CREDENTIAL, "Give a member or an approver a certificate or another way in"),
    (Covered.ACCOUNT_NETWORKS, "Let a member or an approver in from further networks"),
    (Covered.KEK_REGISTRATION, "Register a key encryption key"),
    (Covered.SERVER_POLICY, "Open the server to further networks, or ask fewer roles for a second factor"),
)


def options_of(*, of_key: bool) -> list[tuple[str, str]]:
    """What can be ticked: values and words."""
    return [(each.value, words) for each, words in OPTIONS if not of_key or each in OF_KEYS]


def shown(policy: PolicyDetail | None) -> dict[str, str | list[str]]:
    """The fields as they are first shown."""
    if policy is None:
        return {"approvals_needed": "1", "approvals_lifetime": str(USUAL // _HOUR)}
    hours = policy.lifetime // _HOUR
    return {
        "approvals_operations": [each.value for each in policy.operations],
        "approvals_needed": str(policy.needed),
        "approvals_approvers": "\n".join(policy.approvers),
        "approvals_lifetime": str(hours) if hours * _HOUR == policy.lifetime else f"{policy.lifetime / _HOUR:.2f}",
    }


def wish_of(form: Form, present: PolicyDetail | None) -> ApprovalWish | None:
    """The policy that the form asks for; None where it is as it was, so that it stays to the letter.

    Raises:
        InvalidInput: a number is none.
    """
    operations, approvers = form.all("approvals_operations"), form.lines("approvals_approvers")
    before = Form.showing(**shown(present))
    names = ("approvals_needed", "approvals_lifetime")
    same = sorted(operations) == sorted(before.all("approvals_operations"))
    if (
        same
        and approvers == before.lines("approvals_approvers")
        and all(form.text(name) == before.text(name) for name in names)
    ):
        return None
    if not operations:
        return NO_APPROVALS
    needed, hours = form.whole_number("approvals_needed"), form.whole_number("approvals_lifetime")
    lifetime = USUAL if hours is None else hours * _HOUR
    return ApprovalWish(tuple(operations), 1 if needed is None else needed, tuple(approvers), lifetime)
