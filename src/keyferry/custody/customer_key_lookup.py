"""Finding Customer Key requests, and showing one with its owner and the identifiers of its keys."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, or_, select

from keyferry.custody.customer_key_shapes import RequestedKey, keys_of
from keyferry.custody.customer_key_states import RequestState
from keyferry.custody.owners import Owner, owner_of
from keyferry.custody.view import Query, View
from keyferry.errors import IntegrityViolation
from keyferry.ids import is_id_shaped
from keyferry.store.records import CustomerKeyRequest
from keyferry.store.sealed import CUSTOMER_KEY_REQUESTS, DEPLOYMENTS, Lock
from keyferry.store.tables import customer_key_requests, memberships

KIND: Final = "customer-key-request"

_requests = customer_key_requests.c
_AFTER = _requests.id > bindparam("after")
_ALL = Query(CUSTOMER_KEY_REQUESTS, _AFTER, order_by=_requests.id, limit=True)
_MY_GROUPS = select(memberships.c.group_id).where(memberships.c.user_id == bindparam("user_id"))
_MINE = Query(
    CUSTOMER_KEY_REQUESTS,
    _AFTER,
    or_(_requests.owner_user_id == bindparam("user_id"), _requests.owner_group_id.in_(_MY_GROUPS)),
    order_by=_requests.id,
    limit=True,
)


@dataclass(frozen=True, slots=True)
class CustomerKeyDetail:
    """A request as people see it.

    Attributes:
        keys: the two, each with its identifier; None while its deployment has not imported it.
    """

    request: CustomerKeyRequest
    owner: Owner
    keys: tuple[RequestedKey, ...]

    @property
    def state(self) -> RequestState:
        """Where it stands."""
        return RequestState(self.request.state)

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """The states that it has been in, the newest last: `state`, `at` (microseconds), `by` (a user's id), and what
        was told: `reference`, `note`, `validations`.
        """
        found: list[dict[str, Any]] = json.loads(self.request.history)
        return found

    @property
    def checks(self) -> Sequence[Mapping[str, Any]]:
        """The last runs of the checks since it was edited, the newest last: `at`, `by`, `reported_by` (not in runs of
        old), `lines`.
        """
        found: list[dict[str, Any]] = json.loads(self.request.checks)
        return found


def load_request(view: View, reference: str, lock: Lock | None = None) -> CustomerKeyRequest:
    """The request with this id, authorised.

    Raises:
        NotFound: there is none, or none that the caller may see.
    """
    found = view.get(CUSTOMER_KEY_REQUESTS, reference, lock) if is_id_shaped(reference) else None
    if found is None:
        raise view.missing(KIND, reference)
    relation = view.actor.relation_to_owner(found.owner_user_id, found.owner_group_id)
    view.permit(relation, KIND, found.id, None, asked_as=reference)
    return found


def detail_of(view: View, found: CustomerKeyRequest) -> CustomerKeyDetail:
    """A row as people see it.

    Raises:
        IntegrityViolation: a deployment that it names has been removed.
    """
    keys = tuple(_resolved(view, key) for key in keys_of(found.keys))
    return CustomerKeyDetail(found, owner_of(view, found), keys)


def requests_page(view: View, after: str, limit: int) -> list[CustomerKeyDetail]:
    """Requests in the order of their ids: all for who sees everything, else those of the caller and of their groups."""
    if view.actor.role.sees_everything:
        found = view.find(CUSTOMER_KEY_REQUESTS, _ALL, after=after, limit=limit)
    else:
        found = view.find(CUSTOMER_KEY_REQUESTS, _MINE, after=after, limit=limit, user_id=view.actor.user.id)
    return [detail_of(view, each) for each in found]


def _resolved(view: View, key: RequestedKey) -> RequestedKey:
    if key.deployment is None:
        return key
    found = view.get(DEPLOYMENTS, key.deployment)
    if found is None:
        raise IntegrityViolation(f"Deployment {key.deployment}, which a Customer Key request names, is not there.")
    identifier = found.remote_identifier
    return RequestedKey(deployment=found.id, identifier=identifier, subscription_id=key.subscription_id)
