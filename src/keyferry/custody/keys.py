"""Keys: made, found, described, given to another owner."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from keyferry.clock import Microseconds
from keyferry.custody.approval_holders import holders_for_key
from keyferry.custody.approval_policy import ApprovalWish, described, in_words, wished
from keyferry.custody.approving import Exact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.generation import Generation, Made, Source
from keyferry.custody.groups import require_revision
from keyferry.custody.key_lookup import KeyDetail, detail_of, keys_page, load_key, require_free_name
from keyferry.custody.lifecycle import State, destruction_pending, state_at
from keyferry.custody.names import check_key_name, check_text
from keyferry.custody.once import Once
from keyferry.custody.owners import Owner, owner_named, owner_of, owner_words
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Role
from keyferry.custody.recording import Subject
from keyferry.custody.schedules import UNSAID, Schedule, check_edited, check_schedule, next_rotation
from keyferry.custody.versions import (
    Dates,
    all_versions,
    check_deactivation,
    current_version,
    new_version,
    version_numbered,
    write_version,
)
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict, InvalidInput, NotPermitted
from keyferry.ids import new_id
from keyferry.material.algorithms import ALGORITHMS, Algorithm, Usage
from keyferry.material.importing import read_material_apart
from keyferry.material.keys import identify
from keyferry.material.secret import Secret
from keyferry.store.records import Key, KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS, USERS, Lock

#: in an edit, takes a date away; no date is before 1970
NO_DATE: Microseconds = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What a new key shall be. `usages` None allows all that its type can do."""

    algorithm: str
    name: str | None = None
    description: str | None = None
    group: str | None = None
    owner: str | None = None
    activated: bool = True
    exportable: bool = True
    usages: tuple[str, ...] | None = None
    activation_date: Microseconds | None = None
    deactivation_date: Microseconds | None = None
    rotation: Schedule = UNSAID


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEdit:
    """What to change; None leaves as it is, an empty text, `NO_DATE`, `NO_SCHEDULE` or `NO_APPROVALS` clears."""

    name: str | None = None
    description: str | None = None
    activation_date: Microseconds | None = None
    deactivation_date: Microseconds | None = None
    rotation: Schedule = UNSAID
    approvals: ApprovalWish | None = None


class Keys:
    """Keys: made, imported, found, described, given to another owner. Their states are for `States` to change.

    A key has one owner, a user or a group, and names are unique within an owner. Its type and whether it may leave are
    settled when it is made. Material is generated or read before the writing transaction begins, and nothing here
    answers it but sealed.
    """

    def __init__(self, gate: Gate, generation: Generation) -> None:
        self._gate = gate
        self._generation = generation

    def generate(self, caller: Caller, new: NewKey, *, once: Once | None = None) -> KeyDetail:
        """Generate a key.

        Raises:
            InvalidInput: a field will not do; says which.
            Conflict: the name is taken, or the owner may own no keys.
        """
        algorithm = algorithm_named(new.algorithm)

        def judge() -> None:
            self._gate.read(caller, Operation.KEY_GENERATE, lambda view: prepare_key(view, new, algorithm))

        def write(source: Source) -> KeyDetail:
            work, owner = partial(store_key, new, source), new.owner or new.group
            return self._gate.write(caller, Operation.KEY_GENERATE, work, once=once, about=owner)

        return self._generation.supply(algorithm, write, before=judge)

    def import_(
        self, caller: Caller, new: NewKey, data: bytes, *, passphrase: Secret | None = None, once: Once | None = None
    ) -> KeyDetail:
        """Take a key that was made elsewhere; it is validated in a process of its own.

        Raises:
            MaterialRefused: the material is unreadable, unsound, or of another type.
            InvalidInput, Conflict: as for `generate`.
        """
        algorithm = algorithm_named(new.algorithm)
        self._gate.read(caller, Operation.KEY_IMPORT, lambda view: prepare_key(view, new, algorithm))
        with self._gate.refusing(caller, Operation.KEY_IMPORT, Subject("key", None, new.name)):
            material = read_material_apart(data, algorithm=algorithm, passphrase=passphrase)
        made = Made(material, identify(material))

        write = partial(store_key, new, lambda _: made, origin="imported")
        return self._gate.write(caller, Operation.KEY_IMPORT, write, once=once)

    def show(self, caller: Caller, reference: str, *, version: int | None = None) -> KeyDetail:
        """A key, with the version of that number; with its current one for None.

        Raises:
            NotFound: there is no such key or version, or none that the caller may see.
            Conflict: several keys that the caller may see have this name.
        """

        def read(view: View) -> KeyDetail:
            key = load_key(view, reference)
            return detail_of(view, key, version_numbered(view, key, version))

        return self._gate.read(caller, Operation.KEY_READ, read, about=reference)

    def versions(self, caller: Caller, reference: str) -> list[KeyDetail]:
        """A key with each of its versions, from the first on, erased ones included.

        Raises:
            NotFound, Conflict: as for `show`.
            IntegrityViolation: a version that was made has been removed.
        """

        def read(view: View) -> list[KeyDetail]:
            key = load_key(view, reference)
            return [detail_of(view, key, version) for version in all_versions(view, key)]

        return self._gate.read(caller, Operation.KEY_READ, read)

    def list(
        self,
        caller: Caller,
        *,
        size: int,
        after: str = "",
        name: str | None = None,
        group: str | None = None,
        owner: str | None = None,
    ) -> Page[KeyDetail]:
        """Keys in the order of their ids: all for who sees everything, one's own and one's groups' for others."""

        def read(view: View) -> Page[KeyDetail]:
            view.permit(view.actor.relation_to_user(view.actor.user.id), "key", None, None)
            found = keys_page(view, size, after, name, group, owner)
            details = [detail_of(view, key, current_version(view, key)) for key in found]
            return page_of(details, size, [key.id for key in found])

        return self._gate.read(caller, Operation.KEY_LIST, read)

    def edit(self, caller: Caller, reference: str, edit: KeyEdit, *, revision: int | None = None) -> KeyDetail:
        """Change a key's name, description, schedule or approval policy, or the dates of its current version that have
        not come yet.

        Raises:
            ApprovalRequired: others have to approve another approval policy.
        """

        def change(change: Change) -> KeyDetail:
            key = load_key(change, reference, Lock.UPDATE)
            require_revision(key.revision, revision)
            name = key.name if edit.name is None else (check_key_name(edit.name) if edit.name else None)
            if name is not None and name != key.name:
                require_free_name(change, name, owner_of(change, key))
            text = key.description if edit.description is None else check_text(edit.description, "description")
            approvals = _edit_approvals(change, key, edit)
            version = _edit_dates(change, current_version(change, key, Lock.UPDATE), edit)
            changed = change.update(
                KEYS,
                key,
                name=name,
                description=text,
                approvals=approvals,
                **_edit_schedule(change, key, version, edit),
            )
            return detail_of(change, changed, version)

        return self._gate.write(caller, Operation.KEY_EDIT, change)

    def reassign(
        self, caller: Caller, reference: str, *, group: str | None = None, owner: str | None = None
    ) -> KeyDetail:
        """Give a key to another owner.

        A Key Access User may give it to a group of theirs; an Administrator to anyone, but only when its owner is a
        user who is disabled or deleted.

        Raises:
            ApprovalRequired: others have to approve it.
        """

        def change(change: Change) -> KeyDetail:
            key = load_key(change, reference, Lock.UPDATE)
            if group is None and owner is None:
                raise InvalidInput("No new owner is named.", field="owner", advice="Name a group or a user.")
            new = owner_named(change, owner, group)
            if change.actor.role is Role.ADMINISTRATOR:
                require_owner_gone(change, key)
            elif new.group_id is None:
                raise NotPermitted("A key can be given to a group of yours, not to a user.", field="owner")
            if key.name is not None and (new.user_id, new.group_id) != (key.owner_user_id, key.owner_group_id):
                require_free_name(change, key.name, new)
            require_approval(change, _reassigned(change, key, new), holders_for_key(change, key))
            change.note(owner_user=new.user_id, owner_group=new.group_id)
            changed = change.update(KEYS, key, owner_user_id=new.user_id, owner_group_id=new.group_id)
            return detail_of(change, changed, current_version(change, changed))

        return self._gate.write(caller, Operation.KEY_REASSIGN, change)


def prepare_key(view: View, new: NewKey, algorithm: Algorithm) -> tuple[Owner, Dates, str]:
    """Authorise, and judge every field before anything costly is done.

    Raises:
        NotPermitted: the caller may make no key for this owner.
        InvalidInput, Conflict: a field will not do; says which.
    """
    owner = owner_named(view, new.owner, new.group)
    view.permit(view.actor.relation_to_owner(owner.user_id, owner.group_id), "key", None, new.name)
    dates = Dates(view.now, activated=new.activated, activation=new.activation_date, deactivation=new.deactivation_date)
    begins = view.now if new.activation_date is None else new.activation_date
    check_schedule(new.rotation, None if new.deactivation_date is None else new.deactivation_date - begins)
    if new.name is not None:
        require_free_name(view, check_key_name(new.name), owner)
    check_text(new.description, "description")
    return owner, dates, _usages(new.usages, algorithm)


def store_key(new: NewKey, source: Source, change: Change, *, origin: str = "generated") -> KeyDetail:
    """Write a key with its first version, whose material comes from `source`, and read it back.

    Raises:
        As `prepare_key`.
    """
    algorithm = algorithm_named(new.algorithm)
    owner, dates, usages = prepare_key(change, new, algorithm)
    made = source(change.tx)
    key = Key(
        id=new_id(),
        name=new.name,
        description=check_text(new.description, "description"),
        algorithm=algorithm.name,
        exportable=new.exportable,
        usages=usages,
        current_version_id=made.version_id,
        created_at=change.now,
        created_by=change.actor.user.id,
        owner_user_id=owner.user_id,
        owner_group_id=owner.group_id,
        rotate_every=new.rotation.every,
        rotate_before=new.rotation.before,
    )
    version = new_version(change.sealer, key, 1, origin, made, dates, change.actor.user.id)
    rotate_at = next_rotation(new.rotation, version, change.now)
    written = change.insert(KEYS, key if rotate_at is None else replace(key, rotate_at=rotate_at))
    kept = write_version(change, written, version, made.material)
    change.note(algorithm=key.algorithm, owner_user=owner.user_id, owner_group=owner.group_id)
    return KeyDetail(written, kept, dates.state, owner)


def algorithm_named(name: str) -> Algorithm:
    """
    Raises:
        InvalidInput: no such key type; names those that there are.
    """
    algorithm = ALGORITHMS.get(name)
    if algorithm is None:
        raise InvalidInput(
            f"{name[:40]!r} is no key type.", field="type", advice=f"Give one of {', '.join(ALGORITHMS)}."
        )
    return algorithm


@lru_cache(maxsize=256)
def _usages(wanted: tuple[str, ...] | None, algorithm: Algorithm) -> str:
    allowed = {usage.value for usage in algorithm.usages}
    chosen = allowed if wanted is None else set(wanted)
    if not chosen or not chosen <= {usage.value for usage in Usage} or not chosen <= allowed:
        raise InvalidInput(
            f"A key of type {algorithm.name} cannot be used so.",
            field="usages",
            advice=f"Give some of {', '.join(sorted(allowed))}.",
        )
    return ",".join(sorted(chosen))


def require_owner_gone(view: View, key: Key) -> None:
    """
    Raises:
        NotPermitted: the key's owner is a user who works, or a group; an Administrator may not give it away then.
    """
    owner = None if key.owner_user_id is None else view.get(USERS, key.owner_user_id)
    if owner is None or not (owner.disabled or owner.deleted_at is not None):
        raise NotPermitted(
            "An Administrator may give a key to another owner only when its owner is disabled or deleted.",
            advice="Ask the key's owner or a member of its group to do it.",
        )


def _reassigned(view: View, key: Key, new: Owner) -> Exact:
    facts = {"from": owner_words(owner_of(view, key)), "to": owner_words(new)}
    return Exact("key", key.id, key.name, facts)


def _edit_approvals(change: Change, key: Key, edit: KeyEdit) -> str | None:
    """The key's approval policy from now on, approved by those whom the one until now names."""
    approvals = key.approvals if edit.approvals is None else wished(change, edit.approvals, of_key=True)
    if approvals == key.approvals:
        no_approval(change)
        return approvals
    facts = {"approvals_before": in_words(change, key.approvals), "approvals_after": in_words(change, approvals)}
    require_approval(change, Exact("key", key.id, key.name, facts), holders_for_key(change, key))
    change.note(approvals=described(change, approvals) or "none")
    return approvals


def _edit_dates(change: Change, version: KeyVersion, edit: KeyEdit) -> KeyVersion:
    if edit.activation_date is None and edit.deactivation_date is None:
        return version
    if version.destroy_at is not None:
        raise destruction_pending(version)
    state = state_at(version, change.now)
    if edit.activation_date is not None and state is not State.PRE_ACTIVE:
        raise _date_passed("activation_date", state)
    if edit.deactivation_date is not None and state not in {State.PRE_ACTIVE, State.ACTIVE}:
        raise _date_passed("deactivation_date", state)
    activation = _edited(version.activation_date, edit.activation_date)
    deactivation = _edited(version.deactivation_date, edit.deactivation_date)
    check_deactivation(change.now, activation, deactivation)
    return change.update(KEY_VERSIONS, version, activation_date=activation, deactivation_date=deactivation)


def _edit_schedule(change: Change, key: Key, version: KeyVersion, edit: KeyEdit) -> dict[str, Any]:
    """What changes in the row of a key whose schedule, or a date that this counts from, is edited."""
    moved = edit.activation_date is not None or edit.deactivation_date is not None
    if edit.rotation == UNSAID and not moved:
        return {}
    schedule = Schedule.of(key).edited(edit.rotation)
    check_edited(schedule, version, change.now)
    due = next_rotation(schedule, version, change.now)
    if edit.rotation != UNSAID:
        change.note(rotate_every=schedule.every_days, rotate_before=schedule.before_deactivation_days)
    return {"rotate_every": schedule.every, "rotate_before": schedule.before, "rotate_at": due}


def _edited(date: Microseconds | None, edit: Microseconds | None) -> Microseconds | None:
    if edit is None:
        return date
    return None if edit == NO_DATE else edit


def _date_passed(field: str, state: State) -> Conflict:
    return Conflict(
        f"The version is {state}; its {field.replace('_', ' ')} can no longer be set.",
        field=field,
        advice="Only a date that lies ahead can be changed; a new version, by rotating the key, begins anew.",
    )
