"""The check of a Customer Key request's keys, made by the server through the connections that brought them there."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import MappingProxyType
from typing import Final

from keyferry import clock
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.customer_key_states import RequestState, require_editable, states_to
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_steps import Reporter
from keyferry.customer_key.checks import check
from keyferry.customer_key.identifiers import KeyReference, parse_key_reference
from keyferry.customer_key.lines import Line, Outcome, Verdict, Weight, verdict
from keyferry.customer_key.pair import Backup, Unread
from keyferry.customer_key.workloads import workloads_named
from keyferry.deployments.pair_reading import Recorded, Side, read_pair
from keyferry.deployments.through_connection import session_for
from keyferry.errors import Conflict

NO_PRINCIPALS: Final[Mapping[str, str]] = MappingProxyType({})


def validate(
    custody: Custody,
    outgoing: Outgoing,
    caller: Caller,
    request: str,
    *,
    principals: Mapping[str, str] = NO_PRINCIPALS,
    accept_unseen: bool = False,
) -> CustomerKeyDetail:
    """Look at both keys as they are in Azure, keep every line of the check, and mark the request accordingly.

    It is validated if every required line passes, and else a draft. Required lines that could not be seen are no pass:
    they stand in the way until the caller vouches for them, which is kept with the request.

    Args:
        principals: object ids of service principals that Microsoft Graph does not show, by application id.
        accept_unseen: the caller vouches for what could not be seen.

    Raises:
        Conflict: the request lies with Microsoft, or was accepted (`state-transition-refused`); a key is not in its
            vault yet (`deployment-not-imported`), or was brought there by a client (`deployment-pushed-otherwise`).
        NotFound: a connection is not granted to a group of the caller's.
        KeyferryError: nothing can be looked at.
    """
    found = custody.customer_key_requests.show(caller, request)
    require_editable(found.state)
    workloads = workloads_named(tuple(json.loads(found.request.workloads)))
    with ExitStack() as sessions:
        first, second = (_side(custody, outgoing, caller, key, sessions) for key in found.keys)
        pair = read_pair(
            first,
            second,
            workloads=workloads,
            principals=principals,
            organization_id=found.request.organization_id,
        )
    lines = check(pair, workloads, now=clock.now() // clock.SECOND)
    told = [line.told() for line in lines]
    kept = custody.customer_key_requests.record_checks(caller, request, told, reported_by=Reporter.SERVER)
    return _mark(custody, caller, kept, lines, accept_unseen=accept_unseen)


def _side(custody: Custody, outgoing: Outgoing, caller: Caller, key: RequestedKey, sessions: ExitStack) -> Side:
    if key.deployment is None:
        raise Conflict(
            f"The key {key.identifier} was not brought to its vault by Keyferry, and there is no connection to it.",
            code="deployment-pushed-otherwise",
            field="keys",
            advice="Check the request with a sign-in of your own: keyferry customer-key request validate",
        )
    deployment = custody.deployments.show(caller, key.deployment)
    identifier = key.require_identifier()

    def record(_at: KeyReference) -> Recorded:
        return Recorded(deployment.deployment.id, _backup_of(deployment))

    return Side(
        session=sessions.enter_context(session_for(custody, outgoing, caller, deployment)),
        reference=parse_key_reference(identifier),
        record=record,
        named_subscription=key.subscription_id,
    )


def _backup_of(deployment: DeploymentDetail) -> Backup | Unread:
    if deployment.deployment.backup is None:
        return Unread("Keyferry has no record of a vault backup of this key.", absent=True)
    taken = json.loads(deployment.deployment.backup)
    return Backup(taken_at=taken["taken_at"] // clock.SECOND, sha256=taken["sha256"], size=taken["bytes"])


def _mark(
    custody: Custody, caller: Caller, kept: CustomerKeyDetail, lines: Sequence[Line], *, accept_unseen: bool
) -> CustomerKeyDetail:
    """Each step at the revision before it, so that no edit comes between the lines and the mark."""
    found = verdict(lines)
    hidden = [each for each in lines if each.weight is Weight.REQUIRED and each.outcome is Outcome.UNSEEN]
    valid = found is Verdict.READY or (found is Verdict.UNSEEN and accept_unseen)
    note = f"{len(hidden)} required lines could not be seen; they were vouched for." if valid and hidden else None
    for state in states_to(kept.state, valid=valid):
        kept = custody.customer_key_requests.set_state(
            caller,
            kept.request.id,
            state,
            note=note if state is RequestState.VALIDATED else None,
            vouched=note is not None and state is RequestState.VALIDATED,
            revision=kept.request.revision,
        )
    return kept
