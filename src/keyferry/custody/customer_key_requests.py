"""Requests to Microsoft to take two vault keys as a Customer Key: drafted, checked, sent, answered.

Keyferry sends nothing itself: a person runs the onboarding cmdlet, and what came of it is recorded here. A request is
owned as keys are, by a user or a group.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import as_json, check_guid
from keyferry.custody.customer_key_lookup import (
    KIND,
    CustomerKeyDetail,
    detail_of,
    load_request,
    requests_page,
)
from keyferry.custody.customer_key_proof import require_shown_valid
from keyferry.custody.customer_key_shapes import (
    RequestedKey,
    check_document,
    check_keys,
    check_lines,
    check_workloads,
    counts_of,
)
from keyferry.custody.customer_key_states import RequestState, require_editable, require_follows
from keyferry.custody.deployment_steps import Reporter
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.names import check_text
from keyferry.custody.once import Once
from keyferry.custody.owners import owner_named
from keyferry.custody.pages import Page, page_of
from keyferry.custody.policy import Operation, Relation, permits
from keyferry.custody.view import Change, View
from keyferry.errors import InvalidInput
from keyferry.ids import is_id_shaped, new_id
from keyferry.store.records import CustomerKeyRequest, Deployment
from keyferry.store.sealed import CUSTOMER_KEY_REQUESTS, DEPLOYMENTS, KEYS, Lock

#: states and runs of checks that a row keeps, the newest; the audit log has them all
MOST_STATES: Final = 100
MOST_RUNS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """What a new request says.

    Attributes:
        organization_id: the GUID of the Microsoft 365 tenant.
        contacts: a JSON object, in the form of `keyferry.customer_key.contacts`.
        group, owner: who shall own it; without either the caller's default group, else the caller.
    """

    organization_id: str
    keys: tuple[RequestedKey, ...]
    contacts: Mapping[str, Any]
    workloads: tuple[str, ...] = ()
    scenario: str | None = None
    group: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEdit:
    """What to change; None leaves as it is."""

    organization_id: str | None = None
    keys: tuple[RequestedKey, ...] | None = None
    contacts: Mapping[str, Any] | None = None
    workloads: tuple[str, ...] | None = None
    scenario: str | None = None


class CustomerKeyRequests:
    """Requests for a Customer Key. Their owner, or the members of the group that owns them, write them and keep their
    state; an Administrator reads them.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def draft(self, caller: Caller, new: NewRequest, *, once: Once | None = None) -> CustomerKeyDetail:
        """Begin a request.

        Raises:
            InvalidInput: something in it has another shape, or a deployment is none that the caller may see.
        """

        def change(change: Change) -> CustomerKeyRequest:
            owner = owner_named(change, new.owner, new.group)
            change.permit(change.actor.relation_to_owner(owner.user_id, owner.group_id), KIND, None, None)
            made = CustomerKeyRequest(
                id=new_id(),
                owner_user_id=owner.user_id,
                owner_group_id=owner.group_id,
                organization_id=check_guid(new.organization_id, "organization_id") or "",
                scenario=new.scenario,
                workloads=check_workloads(new.workloads, new.scenario),
                keys=_keys(change, new.keys),
                contacts=check_document(new.contacts, "contacts"),
                state=RequestState.DRAFT.value,
                history=as_json([_entry(change, RequestState.DRAFT, {})]),
                checks="[]",
                created_at=change.now,
                created_by=change.actor.user.id,
                updated_at=change.now,
            )
            change.note(owner_user=owner.user_id, owner_group=owner.group_id)
            return change.insert(CUSTOMER_KEY_REQUESTS, made)

        made = self._gate.write(caller, Operation.CUSTOMER_KEY_DRAFT, change, once=once)
        return self.show(caller, made.id)

    def show(self, caller: Caller, request: str) -> CustomerKeyDetail:
        """The request with this id.

        Raises:
            NotFound: there is none, or none that the caller may see.
        """
        return self._gate.read(
            caller, Operation.CUSTOMER_KEY_READ, lambda view: detail_of(view, load_request(view, request))
        )

    def list(self, caller: Caller, *, size: int, after: str = "") -> Page[CustomerKeyDetail]:
        """Requests in the order in which they were begun: all for who sees everything, those of theirs for others."""

        def read(view: View) -> Page[CustomerKeyDetail]:
            view.permit(Relation.OWN, KIND, None, None)
            details = requests_page(view, after, size + 1)
            return page_of(details, size, [detail.request.id for detail in details])

        return self._gate.read(caller, Operation.CUSTOMER_KEY_LIST, read)

    def edit(
        self, caller: Caller, request: str, edit: RequestEdit, *, revision: int | None = None
    ) -> CustomerKeyDetail:
        """Change what a request says. One that was validated or refused is a draft again, and its checks are void.

        Raises:
            Conflict: (`state-transition-refused`) it lies with Microsoft, or was accepted.
            InvalidInput: something in it has another shape.
            PreconditionFailed: the request is not at `revision`.
        """

        def change(change: Change) -> CustomerKeyDetail:
            found = load_request(change, request, Lock.UPDATE)
            require_revision(found.revision, revision)
            state = RequestState(found.state)
            require_editable(state)
            changes = _edited(change, found, edit)
            if state is not RequestState.DRAFT:
                changes |= _moved(change, found, RequestState.DRAFT, {})
            return _update(change, found, checks="[]", **changes)

        return self._gate.write(caller, Operation.CUSTOMER_KEY_EDIT, change)

    def record_checks(
        self,
        caller: Caller,
        request: str,
        lines: Sequence[Mapping[str, Any]],
        *,
        reported_by: Reporter = Reporter.CLIENT,
    ) -> CustomerKeyDetail:
        """Keep what a check of the pair found, in any state.

        Raises:
            InvalidInput: no lines, too many, or one of another shape; names `lines.N.MEMBER`.
        """

        def change(change: Change) -> CustomerKeyDetail:
            found = load_request(change, request, Lock.UPDATE)
            kept = check_lines(lines)
            change.note(**counts_of(kept), reported_by=reported_by.value)
            run = {"at": change.now, "by": change.actor.user.id, "reported_by": reported_by.value, "lines": kept}
            return _update(change, found, checks=as_json([*json.loads(found.checks), run][-MOST_RUNS:]))

        return self._gate.write(caller, Operation.CUSTOMER_KEY_CHECK, change)

    def set_state(
        self,
        caller: Caller,
        request: str,
        state: RequestState,
        *,
        reference: str | None = None,
        note: str | None = None,
        validations: Mapping[str, Any] | None = None,
        vouched: bool = False,
        revision: int | None = None,
    ) -> CustomerKeyDetail:
        """Record where a request stands. That it is validated has to be shown: see `customer_key_proof`.

        Args:
            reference: what Microsoft calls it.
            validations: a JSON object: what Microsoft's validation passed and failed.
            vouched: the caller states that they have checked it themself; `note` says how, and lands in the audit log.

        Raises:
            InvalidInput: it is vouched for without a note, or where there is nothing to vouch for.
            Conflict: (`state-transition-refused`) that state does not follow; (`deployment-not-imported`) a key is not
                in its vault yet; (`not-checked`) the server has not found it valid, and nobody vouches.
            PreconditionFailed: the request is not at `revision`.
        """

        def change(change: Change) -> CustomerKeyDetail:
            found = load_request(change, request, Lock.UPDATE)
            require_revision(found.revision, revision)
            require_follows(RequestState(found.state), state)
            if state is not RequestState.DRAFT:
                for key in detail_of(change, found).keys:
                    key.require_identifier()
            how = check_text(note, "note")
            told = {
                "reference": check_text(reference, "reference"),
                "note": how,
                "validations": None if validations is None else json.loads(check_document(validations, "validations")),
                "vouched": True if vouched else None,
            }
            _require_shown(change, found, state, vouched=vouched, note=how)
            change.note(state=state.value, reference=told["reference"], note=told["note"], vouched=told["vouched"])
            return _update(change, found, **_moved(change, found, state, told))

        return self._gate.write(caller, Operation.CUSTOMER_KEY_ADVANCE, change)


def _keys(change: Change, keys: tuple[RequestedKey, ...]) -> str:
    kept = check_keys(keys)
    for index, key in enumerate(keys):
        if key.deployment is not None and not _may_name(change, key.deployment):
            raise InvalidInput(
                f"There is no deployment {key.deployment!r}, or none that you may see.",
                field=f"keys.{index}.deployment",
                advice="Give the id of a deployment of one of your keys.",
            )
    return kept


def _may_name(change: Change, deployment: str) -> bool:
    found: Deployment | None = change.get(DEPLOYMENTS, deployment) if is_id_shaped(deployment) else None
    key = None if found is None else change.get(KEYS, found.key_id)
    return key is not None and permits(change.actor.role, Operation.DEPLOYMENT_READ, change.actor.relation_to_key(key))


def _edited(change: Change, found: CustomerKeyRequest, edit: RequestEdit) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if edit.organization_id is not None:
        changes["organization_id"] = check_guid(edit.organization_id, "organization_id")
    if edit.keys is not None:
        changes["keys"] = _keys(change, edit.keys)
    if edit.contacts is not None:
        changes["contacts"] = check_document(edit.contacts, "contacts")
    if edit.workloads is not None or edit.scenario is not None:
        workloads = json.loads(found.workloads) if edit.workloads is None else edit.workloads
        scenario = found.scenario if edit.scenario is None else (edit.scenario or None)
        changes |= {"workloads": check_workloads(workloads, scenario), "scenario": scenario}
    return changes


def _moved(change: Change, found: CustomerKeyRequest, state: RequestState, told: Mapping[str, Any]) -> dict[str, Any]:
    history = [*json.loads(found.history), _entry(change, state, told)][-MOST_STATES:]
    reference = None if state is RequestState.DRAFT else told.get("reference") or found.reference
    return {"state": state.value, "history": as_json(history), "reference": reference}


def _entry(change: Change, state: RequestState, told: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in told.items() if value is not None}
    return {"state": state.value, "at": change.now, "by": change.actor.user.id, **kept}


def _update(change: Change, found: CustomerKeyRequest, **changes: Any) -> CustomerKeyDetail:
    return detail_of(change, change.update(CUSTOMER_KEY_REQUESTS, found, updated_at=change.now, **changes))


def _require_shown(
    change: Change, found: CustomerKeyRequest, state: RequestState, *, vouched: bool, note: str | None
) -> None:
    if state is RequestState.VALIDATED:
        require_shown_valid(json.loads(found.checks), change.now, vouched=vouched, note=note)
    elif vouched:
        raise InvalidInput(
            "There is nothing to vouch for.", field="vouched", advice="Vouch only where it is recorded as validated."
        )
