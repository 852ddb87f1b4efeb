"""Tested sign-ins: what a provider said of an Administrator who walked through one, and whom it would come to.

No session comes of a test. What was said is kept, sealed, for as long as it takes to read it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select

from keyferry.clock import SECOND, Microseconds
from keyferry.custody.arrival import Arrival
from keyferry.custody.connection_facts import as_json
from keyferry.custody.provider_mapping import Attributes, Meant, mapping_of, meaning
from keyferry.custody.view import View
from keyferry.ids import is_id_shaped, new_id
from keyferry.material.sealing import CredentialBinding, SealedCredential, Sealer
from keyferry.material.secret import Secret
from keyferry.store.records import IdentityProvider
from keyferry.store.statements import Prepared
from keyferry.store.tables import tested_sign_ins
from keyferry.store.transaction import Transaction

#: how long a test can be looked at
KEPT: Final[Microseconds] = 900 * SECOND

_KEEP = Prepared(
    insert(tested_sign_ins).values(id=bindparam("id"), outcome=bindparam("outcome"), expires_at=bindparam("expires_at"))
)
_FIND = Prepared(
    select(tested_sign_ins.c.outcome, tested_sign_ins.c.expires_at).where(tested_sign_ins.c.id == bindparam("id"))
)
_FORGET = Prepared(delete(tested_sign_ins).where(tested_sign_ins.c.expires_at <= bindparam("now")))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSignIn:
    """What came of a test.

    Attributes:
        meant: what the attributes come to by the mapping as it is now.
        is_current: the provider is configured as it was then.
    """

    id: str
    subject: str
    attributes: Attributes
    meant: Meant
    second_factor: bool
    is_current: bool


def keep_test(tx: Transaction, sealer: Sealer, arrival: Arrival, user_id: str, now: Microseconds) -> str:
    """Keep what a provider said, for the Administrator who began the test; answers the test's id."""
    id_ = new_id()
    outcome = {
        "provider_id": arrival.provider.id,
        "rests_on": _rests_on(arrival.provider),
        "user_id": user_id,
        "subject": arrival.subject,
        "attributes": {name: list(values) for name, values in arrival.attributes.items()},
        "second_factor": arrival.second_factor,
    }
    sealed = sealer.seal_credential(Secret(as_json(outcome).encode()), _binding(id_)).blob
    tx.run(_KEEP, id=id_, outcome=sealed, expires_at=now + KEPT)
    return id_


def load_test(view: View, provider: IdentityProvider, test_id: str) -> TrialSignIn:
    """
    Raises:
        NotFound: there is no such test of this provider, or no longer, or somebody else began it.
    """
    row = view.tx.row(_FIND, id=test_id) if is_id_shaped(test_id) else None
    if row is None or row[1] <= view.now:
        raise view.missing("tested sign-in", test_id)
    kept = view.sealer.unseal_credential(SealedCredential(bytes(row[0])), _binding(test_id))
    outcome: Mapping[str, Any] = json.loads(kept.reveal())
    if outcome["provider_id"] != provider.id or outcome["user_id"] != view.actor.user.id:
        raise view.missing("tested sign-in", test_id)
    attributes: dict[str, Sequence[str]] = outcome["attributes"]
    return TrialSignIn(
        id=test_id,
        subject=outcome["subject"],
        attributes=attributes,
        meant=meaning(mapping_of(provider.mapping), outcome["subject"], attributes),
        second_factor=bool(outcome["second_factor"]),
        is_current=outcome["rests_on"] == _rests_on(provider),
    )


def forget_tests(tx: Transaction, now: Microseconds) -> None:
    """Drop what can be looked at no longer."""
    tx.run(_FORGET, now=now)


def _rests_on(provider: IdentityProvider) -> list[str]:
    return [provider.configuration, provider.mapping]


def _binding(id_: str) -> CredentialBinding:
    return CredentialBinding(id_, {"use": "tested sign-in"})
