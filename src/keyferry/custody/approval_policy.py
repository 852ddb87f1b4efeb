"""Approval policies of groups and keys: what needs the approval of others, of whom, of how many."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam

from keyferry.clock import DAY, SECOND, Microseconds
from keyferry.custody.names import may_name_user
from keyferry.custody.policy import Covered, Operation, Relation, Role, permits
from keyferry.custody.view import Query, View
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped
from keyferry.store.records import User
from keyferry.store.sealed import USERS
from keyferry.store.tables import users

SHORTEST: Final[Microseconds] = 300 * SECOND
LONGEST: Final[Microseconds] = 30 * DAY
USUAL: Final[Microseconds] = 3 * DAY
MOST_APPROVERS: Final = 50

#: what can be covered for one key; the rest is about more than a key
OF_KEYS: Final = frozenset(Covered) - {Covered.KEK_REGISTRATION, Covered.SERVER_POLICY}

_BY_NAME = Query(USERS, users.c.name_folded == bindparam("name"))


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """A policy as its row keeps it.

    Attributes:
        needed: how many of the approvers have to approve.
        approvers: ids of users.
        lifetime: for how long a request can be approved and used, in microseconds.
    """

    operations: tuple[Covered, ...]
    needed: int
    approvers: tuple[str, ...]
    lifetime: Microseconds

    @classmethod
    @lru_cache(maxsize=512)
    def read(cls, text: str) -> "ApprovalPolicy":
        """From a row that has verified."""
        told = json.loads(text)
        return cls(
            tuple(Covered(each) for each in told["operations"]),
            int(told["needed"]),
            tuple(told["approvers"]),
            int(told["lifetime"]),
        )

    @property
    def text(self) -> str:
        """For the row: one form for one policy."""
        return json.dumps(
            {
                "operations": list(self.operations),
                "needed": self.needed,
                "approvers": list(self.approvers),
                "lifetime": self.lifetime,
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    def covers(self, what: Covered) -> bool:
        """Whether it asks for approvals of this."""
        return what in self.operations


@dataclass(frozen=True, slots=True)
class ApprovalWish:
    """A policy as somebody asks for it: operations by their words, approvers by name or id; `NO_APPROVALS` for none."""

    operations: tuple[str, ...] = ()
    needed: int = 1
    approvers: tuple[str, ...] = ()
    lifetime: Microseconds = USUAL


#: in an edit, takes the policy away
NO_APPROVALS: Final = ApprovalWish()


def wished(view: View, wish: ApprovalWish, *, of_key: bool) -> str | None:
    """The policy that is asked for, as the row keeps it; None for none.

    Raises:
        InvalidInput: an operation is none that can be covered, an approver is no enabled account that may approve, more
            approvals are needed than there are approvers, or the lifetime will not do.
    """
    if wish == NO_APPROVALS:
        return None
    operations = _operations(wish.operations, of_key=of_key)
    found = [_approver(view, name) for name in wish.approvers]
    approvers = tuple(sorted({each.id for each in found}))
    if len(approvers) != len(wish.approvers):
        raise _refused("approvers", "An approver is named twice.", "Name each once.")
    if len(approvers) > MOST_APPROVERS:
        raise _refused("approvers", f"There are more than {MOST_APPROVERS} approvers.", "Name fewer.")
    if not 1 <= wish.needed <= len(approvers):
        raise _refused(
            "needed",
            f"{wish.needed} approvals can never come from {len(approvers)} approvers.",
            "Ask for at least one, and for no more than there are approvers.",
        )
    if not SHORTEST <= wish.lifetime <= LONGEST:
        raise _refused("lifetime_seconds", "A request lasts between 5 minutes and 30 days.", "Give a time in between.")
    return ApprovalPolicy(operations, wish.needed, approvers, wish.lifetime).text


def may_approve(user: User | None) -> bool:
    """Whether this account can give an approval at all: it is enabled, and of a role that decides anything."""
    if user is None or user.disabled or user.deleted_at is not None:
        return False
    return permits(Role(user.role), Operation.APPROVAL_APPROVE, Relation.GROUP)


def gaps(policy: ApprovalPolicy, *, of_key: bool) -> tuple[str, ...]:
    """What the policy leaves open, in sentences for those who set it."""
    whose = "key" if of_key else "group"
    found = []
    if not policy.covers(Covered.POLICY_CHANGE):
        found.append(f"Whoever may edit the {whose} can take this policy off alone: cover policy-change too.")
    if policy.covers(Covered.EXPORT) and not policy.covers(Covered.OWNER_CHANGE):
        found.append("A key can be given to another owner, whose policy holds then: cover owner-change too.")
    people = (Covered.MEMBERSHIP, Covered.PASSWORD_RESET, Covered.CREDENTIAL)
    missing = [each.value for each in people if not policy.covers(each)]
    if missing:
        found.append(
            "An Administrator can act as somebody who may use the key, or as an approver, with what they do about "
            f"accounts: cover {', '.join(missing)} too."
        )
    if policy.needed == len(policy.approvers):
        found.append("What an approver asks for can never be approved, as nobody approves their own: name one more.")
    return tuple(found)


def names_of(view: View, user_ids: Iterable[str]) -> list[str]:
    """The names of these users, in order; an id where there is no such user any more."""
    found = ((id_, view.get(USERS, id_)) for id_ in user_ids)
    return sorted(id_ if user is None else user.name for id_, user in found)


def described(view: View, text: str | None) -> dict[str, Any] | None:
    """A policy as people read it, and as a request to change it says it; None for none."""
    if text is None:
        return None
    policy = ApprovalPolicy.read(text)
    return {
        "operations": [each.value for each in policy.operations],
        "needed": policy.needed,
        "approvers": names_of(view, policy.approvers),
        "lifetime_seconds": policy.lifetime // SECOND,
    }


def in_words(view: View, text: str | None) -> str:
    """A policy in a sentence that tells all of it; `none` for none."""
    if text is None:
        return "none"
    policy = ApprovalPolicy.read(text)
    asked = ", ".join(each.value for each in policy.operations)
    names = ", ".join(names_of(view, policy.approvers))
    return f"{policy.needed} of {names} for {asked}, within {policy.lifetime // SECOND} s"


def _operations(given: Sequence[str], *, of_key: bool) -> tuple[Covered, ...]:
    allowed = OF_KEYS if of_key else frozenset(Covered)
    words = {each.value: each for each in Covered if each in allowed}
    unknown = [each for each in given if each not in words]
    if unknown or not given:
        raise _refused(
            "operations",
            f"{unknown[0][:40]!r} cannot be put under approval here." if unknown else "No operation is named.",
            f"Give some of {', '.join(words)}.",
        )
    return tuple(sorted({words[each] for each in given}))


def _approver(view: View, reference: str) -> User:
    found = None
    if is_id_shaped(reference):
        found = view.get(USERS, reference)
    elif may_name_user(reference):
        found = view.first(USERS, _BY_NAME, name=reference.lower())
    if found is None or not may_approve(found):
        raise _refused(
            "approvers",
            f"There is no enabled account {reference[:64]!r} that may approve.",
            "Name Administrators or Key Access Users who are enabled.",
        )
    return found


def _refused(member: str, detail: str, advice: str) -> InvalidInput:
    return InvalidInput(detail, field=f"approvals.{member}", advice=advice)
