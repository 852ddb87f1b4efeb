"""The server's policy: one row, of the whole server, of who may come in. Administrators edit it, Auditors read it."""

import json
from dataclasses import dataclass

from keyferry.custody.admission import admits, server_policy_of
from keyferry.custody.approval_holders import holders_of_groups
from keyferry.custody.approving import Exact, Fact, no_approval, require_approval
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.policy import Operation, Relation, Role
from keyferry.custody.view import Change, View
from keyferry.errors import Conflict
from keyferry.identity.networks import admits_more, edited_networks, listed
from keyferry.store.records import ServerPolicy
from keyferry.store.sealed import SERVER_POLICY, Lock

WHAT = "server-policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPolicyEdit:
    """What to change; None leaves as it is.

    Args:
        second_factor_roles: roles whose people need a second factor to sign in.
        networks: from where the server may be used; an empty tuple for nowhere.
        enforce_networks: False takes the list out of force: every address is admitted.
        even_if_locked_out: make the change although it would turn away the very request that makes it.
    """

    second_factor_roles: tuple[Role, ...] | None = None
    networks: tuple[str, ...] | None = None
    enforce_networks: bool | None = None
    even_if_locked_out: bool = False


class ServerPolicies:
    """The one policy of the server. What it says holds for the next request, on every node."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def show(self, caller: Caller) -> ServerPolicy:
        """What it says now."""

        def read(view: View) -> ServerPolicy:
            policy = server_policy_of(view.tx, view.sealer)
            view.permit(Relation.NONE, WHAT, policy.id, None)
            return policy

        return self._gate.read(caller, Operation.SERVER_POLICY_READ, read)

    def edit(self, caller: Caller, edit: ServerPolicyEdit, *, revision: int | None = None) -> ServerPolicy:
        """Change it.

        Raises:
            InvalidInput: a network will not do; says which.
            Conflict: (`locks-out`) it would turn away the caller, who has not said that this is meant.
            PreconditionFailed: the policy is not at `revision`.
            ApprovalRequired: others have to approve that the server is opened further.
        """

        def change(change: Change) -> ServerPolicy:
            policy = server_policy_of(change.tx, change.sealer, Lock.UPDATE)
            change.permit(Relation.NONE, WHAT, policy.id, None)
            require_revision(policy.revision, revision)
            networks = edited_networks(policy.networks, edit.networks, enforce=edit.enforce_networks)
            if not edit.even_if_locked_out and not admits(networks, caller.address):
                raise Conflict(
                    f"The list would turn away this very request, which comes from {caller.address}.",
                    code="locks-out",
                    field="networks",
                    advice="Add your own network to the list, or do it all the same: even_if_locked_out, or "
                    "--even-if-locked-out.",
                )
            roles = policy.second_factor_roles
            if edit.second_factor_roles is not None:
                roles = json.dumps(sorted({role.value for role in edit.second_factor_roles}))
            _require_approved(change, policy, networks, roles)
            return write_policy(change, policy, networks, roles)

        return self._gate.write(caller, Operation.SERVER_POLICY_EDIT, change)


def _require_approved(change: Change, policy: ServerPolicy, networks: str | None, roles: str) -> None:
    """
    Raises:
        ApprovalNeeded: the server is to admit further networks, or to ask people of fewer roles for a second factor,
            and others have to approve that.
    """
    before, after = json.loads(policy.second_factor_roles), json.loads(roles)
    if not admits_more(policy.networks, networks) and set(before) <= set(after):
        no_approval(change)  # what keeps more out needs nobody
        return
    facts: dict[str, Fact] = {
        "networks_before": listed(policy.networks),
        "networks_after": listed(networks),
        "second_factor_roles_before": before,
        "second_factor_roles_after": after,
    }
    require_approval(change, Exact(WHAT, policy.id, "server", facts), holders_of_groups(change))


def write_policy(change: Change, policy: ServerPolicy, networks: str | None, roles: str) -> ServerPolicy:
    """Write the row anew; the audit log keeps what changed, in full."""
    if networks != policy.networks:
        change.note(networks=listed(networks))
    if roles != policy.second_factor_roles:
        change.note(second_factor_roles=json.loads(roles))
    return change.update(SERVER_POLICY, policy, networks=networks, second_factor_roles=roles)
