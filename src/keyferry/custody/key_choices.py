"""What a caller may do to a key, as it is now: each operation with the refusal that it would get, in words.

Nothing is done and nothing is granted by it: whoever then asks for an operation is judged again, on the rows as they
are by then, by the same rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from keyferry.custody.caller import Caller
from keyferry.custody.export_rules import require_leaving
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import load_key
from keyferry.custody.keys import require_owner_gone
from keyferry.custody.lifecycle import Transition, after
from keyferry.custody.policy import Operation, Role, permits
from keyferry.custody.version_rules import doomed_of, pending_of, require_activatable, require_promotable
from keyferry.custody.versions import all_versions
from keyferry.custody.view import View, not_permitted
from keyferry.errors import KeyferryError, NotPermitted
from keyferry.store.records import Key, KeyVersion

#: what can be asked for of a whole key, in the order in which people look for it
OF_KEYS: Final = (
    Operation.KEY_EXPORT,
    Operation.KEY_ROTATE,
    Operation.KEY_EDIT,
    Operation.KEY_REASSIGN,
    Operation.KEY_DESTROY,
    Operation.KEY_CANCEL_DESTRUCTION,
)
#: what can be asked for of one version
OF_VERSIONS: Final = (
    Operation.KEY_ACTIVATE,
    Operation.KEY_PROMOTE,
    Operation.KEY_DEACTIVATE,
    Operation.KEY_REVOKE,
    Operation.KEY_DESTROY,
    Operation.KEY_CANCEL_DESTRUCTION,
)


@dataclass(frozen=True, slots=True)
class Choices:
    """By operation and version's number (None: the key as a whole), the refusal; None where it may be done."""

    refusals: Mapping[tuple[Operation, int | None], KeyferryError | None]

    def allows(self, operation: str, version: int | None = None) -> bool:
        """Whether it may be done as things stand."""
        return self.refusal(operation, version) is None

    def refusal(self, operation: str, version: int | None = None) -> KeyferryError | None:
        """Why it may not be done; None if it may."""
        return self.refusals[Operation(operation), version]


class KeyChoices:
    """For whoever may see the key."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def show(self, caller: Caller, reference: str) -> Choices:
        """What the caller may do to a key and to each of its versions.

        Raises:
            NotFound: there is no such key, or none that the caller may see.
        """

        def read(view: View) -> Choices:
            key = load_key(view, reference)
            versions = all_versions(view, key)
            found: dict[tuple[Operation, int | None], KeyferryError | None] = {}
            for each in OF_KEYS:
                found[each, None] = _refusal(view, key, each, partial(_judge, view, key, versions))
            for version in versions:
                judge = partial(_judge_version, view, key, version)
                for each in OF_VERSIONS:
                    found[each, version.number] = _refusal(view, key, each, judge)
            return Choices(found)

        return self._gate.read(caller, Operation.KEY_READ, read, about=reference)


def _refusal(view: View, key: Key, operation: Operation, judge: Callable[[Operation], object]) -> KeyferryError | None:
    if not permits(view.actor.role, operation, view.actor.relation_to_key(key)):
        return not_permitted(view.actor.role, operation)
    try:
        judge(operation)
    except KeyferryError as refusal:
        return refusal
    return None


def _judge(view: View, key: Key, versions: list[KeyVersion], operation: Operation) -> None:
    """
    Raises:
        KeyferryError: the key, with these versions, stands against it.
    """
    if operation is Operation.KEY_EXPORT:
        require_leaving(view, key)
    elif operation is Operation.KEY_REASSIGN:
        _require_another_owner(view, key)
    elif operation is Operation.KEY_DESTROY:
        doomed_of(versions, view.now)
    elif operation is Operation.KEY_CANCEL_DESTRUCTION:
        pending_of(versions, view.now)


def _judge_version(view: View, key: Key, version: KeyVersion, operation: Operation) -> None:
    """
    Raises:
        KeyferryError: the version's state, or what is current, stands against it.
    """
    if operation is Operation.KEY_ACTIVATE:
        require_activatable(version, view.now)
    elif operation is Operation.KEY_PROMOTE:
        require_promotable(key, version, view.now)
    elif operation is Operation.KEY_DEACTIVATE:
        after(version, Transition.DEACTIVATE, view.now)
    elif operation is Operation.KEY_REVOKE:
        after(version, Transition.COMPROMISE, view.now)  # wherever another reason is taken, this one is too
    elif operation is Operation.KEY_DESTROY:
        doomed_of([version], view.now)
    elif operation is Operation.KEY_CANCEL_DESTRUCTION:
        pending_of([version], view.now)


def _require_another_owner(view: View, key: Key) -> None:
    if view.actor.role is Role.ADMINISTRATOR:
        require_owner_gone(view, key)
    elif not view.actor.group_ids - {key.owner_group_id}:
        raise NotPermitted(
            "A key can be given to a group of yours, and there is no other.",
            advice="Ask an Administrator to add you to the group that shall have it.",
        )
