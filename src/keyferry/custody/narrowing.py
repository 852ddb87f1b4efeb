"""What a narrowed token is for: operations, keys and groups. Read from the token's own row, judged in one place.

A token that names keys or groups reaches these, and what hangs on them: their versions, exports and deployments, and
the connections by which they are pushed. It reaches no other object, and is shown no list that is not about one of
them. No narrowed token makes, changes or ends a way in: what it cannot do itself, it cannot have another credential do.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from keyferry.custody.policy import Operation
from keyferry.errors import InvalidInput
from keyferry.store.records import Key, Token

#: ways in: no narrowed token touches them, whatever it names
WAYS_IN: Final = frozenset(
    operation
    for operation in Operation
    if operation.value.startswith(
        ("factor.", "identity.", "identity-provider.", "certificate.", "workload.", "trusted-issuer.")
    )
    and not operation.value.endswith((".read", ".list"))
) | {Operation.USER_PASSWORD, Operation.SESSION_OPEN, Operation.TOKEN_CREATE}

#: what is asked of the policy for a list, and for one of its entries
_LISTS: Final = frozenset(operation for operation in Operation if operation.value.endswith((".list", ".metrics")))

#: operations on a key, on a group, or on what hangs on one: how the caller stands to it was worked out from its row
_ON_KEYS_AND_GROUPS: Final = frozenset(
    operation
    for operation in Operation
    if operation.value.startswith(("key.", "export.", "deployment.", "customer-key.", "reminder."))
) | {Operation.GROUP_READ, Operation.CONNECTION_READ, Operation.CONNECTION_USE}

#: filed by custody itself, for something that the token is for
_FOLLOWS: Final = Operation.APPROVAL_REQUEST

#: names for several operations at once
BUNDLES: Final[Mapping[str, frozenset[Operation]]] = {
    "read": frozenset(operation for operation in Operation if operation.value.endswith((".read", ".list", ".metrics")))
    - {Operation.AUDIT_READ},
    "audit": frozenset({Operation.AUDIT_READ, Operation.JOB_LIST, Operation.METRICS_READ}),
    "use": frozenset({Operation.KEY_USE}),
    "export": frozenset({Operation.KEY_EXPORT, Operation.EXPORT_LIST, Operation.KEY_READ, Operation.KEK_LIST}),
    "push": frozenset(operation for operation in Operation if operation.value.startswith("deployment."))
    | {Operation.KEY_EXPORT, Operation.KEY_READ, Operation.CONNECTION_READ, Operation.CONNECTION_USE},
    "manage": frozenset(
        operation
        for operation in Operation
        if operation.value.startswith("key.")
        and operation not in {Operation.KEY_USE, Operation.KEY_EXPORT, Operation.KEY_REMIND}
    ),
}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a token is for; None of each for all that its user may."""

    operations: frozenset[Operation] | None = None
    key_ids: frozenset[str] | None = None
    group_ids: frozenset[str] | None = None

    @property
    def names_objects(self) -> bool:
        """Whether it is for certain keys or groups alone."""
        return self.key_ids is not None or self.group_ids is not None

    def reaches_key(self, key: Key) -> bool:
        """Whether the key, or the group that owns it now, is among those named."""
        return not self.names_objects or key.id in (self.key_ids or ()) or self.reaches_group(key.owner_group_id)

    def reaches_group(self, group_id: str | None) -> bool:
        """Whether the group is among those named."""
        return not self.names_objects or group_id in (self.group_ids or ())

    def is_for(self, operation: Operation, *, of_one: bool) -> bool:
        """Whether it is for this operation at all.

        Args:
            of_one: whether that is about one object, whose relation to the caller says if it is among those named.
        """
        if operation is _FOLLOWS:
            return True
        if operation in WAYS_IN or not (self.operations is None or operation in self.operations):
            return False
        return not self.names_objects or (operation in _ON_KEYS_AND_GROUPS and (of_one or operation not in _LISTS))


def narrowing_of(token: Token | None) -> Narrowing | None:
    """What `token` is for; None for one that is not narrowed, and for no token."""
    if token is None or (
        token.operations is None and token.key_ids is None and token.group_ids is None and token.networks is None
    ):
        return None
    return _read(token.operations, token.key_ids, token.group_ids)


@lru_cache(maxsize=4096)
def _read(operations: str | None, key_ids: str | None, group_ids: str | None) -> Narrowing:
    known = {operation.value: operation for operation in Operation}
    named = None if operations is None else frozenset(known[name] for name in json.loads(operations) if name in known)
    return Narrowing(
        named,
        None if key_ids is None else frozenset(json.loads(key_ids)),
        None if group_ids is None else frozenset(json.loads(group_ids)),
    )


def operations_named(names: Iterable[str]) -> frozenset[Operation]:
    """Operations by their names, or by that of a bundle. What a bundle holds is settled here, when a token is made.

    Raises:
        InvalidInput: there is no such operation, or no narrowed token may do it.
    """
    found: set[Operation] = set()
    known = {operation.value: operation for operation in Operation}
    for name in names:
        if name in BUNDLES:
            found |= BUNDLES[name] - WAYS_IN
        elif name not in known:
            raise InvalidInput(
                f"There is no operation {name!r}.",
                field="operations",
                advice=f"Name operations as the audit log does, such as key.export, or {', '.join(BUNDLES)}.",
            )
        elif known[name] in WAYS_IN:
            raise InvalidInput(
                f"No narrowed token may do {name}.",
                field="operations",
                advice="Ways in are made and ended by people who have signed in.",
            )
        else:
            found.add(known[name])
    return frozenset(found)


def in_words(operations: Iterable[str]) -> list[str]:
    """Names of operations as people give them: bundles where all of one are there, the rest by name."""
    named = set(operations)
    rest, found = set(named), []
    for name, bundle in sorted(BUNDLES.items(), key=lambda each: -len(each[1])):
        values = {operation.value for operation in bundle - WAYS_IN}
        if values <= named and values & rest:
            found.append(name)
            rest -= values
    return sorted(found) + sorted(rest)
