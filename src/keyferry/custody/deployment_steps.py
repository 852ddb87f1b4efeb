"""The steps of a deployment: their order, and what each has to be shown by.

    planned ──► kek-ready ──► exported ──► imported ──► read-back ──► proved
                  ▲  │  ▲         │  ▲│
                  └──┘  └─────────┘  └┘

A step is recorded once the one before it is. A step that is recorded already may be recorded again with the same
evidence: whoever lost the answer sends it once more, and nothing changes. Until the key is imported, another key
encryption key may be made ready and another export made: transfer files are never kept, so that a push that is resumed
wraps again.

Everything here is pure. What evidence must agree with, such as the export's own record, `deployment_evidence` knows.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from keyferry.custody.facts import FLAG, ID, LINE, MOMENT, NUMBER, OPERATION_WORDS, PEM, SHA256, Fact, check_facts
from keyferry.errors import Conflict, InvalidInput
from keyferry.material.algorithms import Family


class Step(StrEnum):
    """How far a deployment is: the last step that was recorded."""

    PLANNED = "planned"
    KEK_READY = "kek-ready"
    EXPORTED = "exported"
    IMPORTED = "imported"
    READ_BACK = "read-back"
    PROVED = "proved"


class Reporter(StrEnum):
    """Who saw what a step's evidence says: a client with a sign-in of its own, or the server through a connection."""

    CLIENT = "client"
    SERVER = "server"


class Proof(StrEnum):
    """How a key in a vault was shown to be ours."""

    DECRYPT = "decrypt"
    UNWRAP = "unwrap"
    SIGN = "sign"
    PUBLIC_KEY = "public-key"


ORDER: Final = tuple(Step)

#: what each step is shown by; members that are not named here are refused
EVIDENCE: Final[Mapping[Step, Mapping[str, Fact]]] = {
    Step.PLANNED: {},
    Step.KEK_READY: {
        "kek_identifier": Fact(LINE),
        "public_key": Fact(PEM),
        "created": Fact(FLAG, optional=True, aside=True),
    },
    Step.EXPORTED: {"export_id": Fact(ID)},
    Step.IMPORTED: {
        "remote_identifier": Fact(LINE),
        "found": Fact(FLAG, optional=True, aside=True),
    },
    Step.READ_BACK: {
        "spki_sha256": Fact(SHA256),
        "kty": Fact(LINE),
        "operations": Fact(OPERATION_WORDS),
        "enabled": Fact(FLAG),
        "recovery_level": Fact(LINE, optional=True),
        "recoverable_days": Fact(NUMBER, optional=True),
        "not_before": Fact(MOMENT, optional=True),
        "expires": Fact(MOMENT, optional=True),
        "hsm_platform": Fact(LINE, optional=True),
    },
    Step.PROVED: {"method": Fact(LINE), "algorithm": Fact(LINE, optional=True)},
}

#: what a key of each family may be allowed to do in a vault
OPERATIONS: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.RSA: ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"),
    Family.EC: ("sign", "verify"),
}

#: the operation in the vault that a proof needs
_PROVED_BY: Final[Mapping[Proof, str | None]] = {
    Proof.DECRYPT: "decrypt",
    Proof.UNWRAP: "unwrapKey",
    Proof.SIGN: "sign",
    Proof.PUBLIC_KEY: None,
}


def check_evidence(step: Step, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence of `step`, judged by its shape; members that are None count as left out.

    Raises:
        InvalidInput: a member is missing, unknown, or of another form; names `evidence.MEMBER`.
    """
    return check_facts(evidence, EVIDENCE[step], "evidence")


def require_in_order(present: Step, wanted: Step, recorded: Mapping[str, Any] | None, told: Mapping[str, Any]) -> bool:
    """Whether `wanted` is to be recorded; False when it is recorded already, with the same evidence.

    Args:
        present: the last step that was recorded.
        recorded: the evidence that `wanted` was recorded with, if it was.
        told: the evidence now given.

    Raises:
        Conflict: (`deployment-step-refused`) its turn has not come, or it was recorded with other evidence.
    """
    if recorded is not None and _essence(wanted, recorded) == _essence(wanted, told):
        return False
    if ORDER.index(wanted) == ORDER.index(present) + 1:
        return True
    if wanted in {Step.KEK_READY, Step.EXPORTED} and ORDER.index(wanted) <= ORDER.index(present) < _IMPORTED:
        return True
    raise Conflict(
        f"The deployment is at {present}; {wanted} cannot be recorded now.",
        code="deployment-step-refused",
        field="step",
        advice=_order_advice(present, wanted),
    )


def _essence(step: Step, evidence: Mapping[str, Any]) -> dict[str, Any]:
    aside = {name for name, fact in EVIDENCE[step].items() if fact.aside}
    return {name: value for name, value in evidence.items() if name not in aside}


def unfinished(step: Step) -> bool:
    """Whether anything remains to be done."""
    return step is not ORDER[-1]


def before_import(step: Step) -> bool:
    """Whether the key is, as far as was recorded, not in the vault yet: key material may still have to leave."""
    return ORDER.index(step) < _IMPORTED


def check_operations(family: Family, wanted: tuple[str, ...]) -> str:
    """Operations as a row keeps them: sorted, separated by commas.

    Raises:
        InvalidInput: none, or one that a key of this family cannot do; names `operations`.
    """
    known = OPERATIONS[family]
    unknown = sorted(set(wanted) - set(known))
    if unknown or not wanted:
        said = f"A key of type {family} cannot {unknown[0][:40]!r} in a vault." if unknown else "No operation is named."
        raise InvalidInput(said, field="operations", advice=f"Give some of {', '.join(known)}.")
    return ",".join(sorted(set(wanted)))


def check_proof(method: str, operations: frozenset[str]) -> Proof:
    """How the key was proved, which has to be something that it is allowed to do there.

    Comparing public keys alone proves a key only where it may do nothing that needs its private half.

    Raises:
        InvalidInput: no such way, or not for this key; names `evidence.method`.
    """
    possible = [proof for proof, needed in _PROVED_BY.items() if needed in operations] or [Proof.PUBLIC_KEY]
    if method not in possible:
        raise InvalidInput(
            f"{method[:40]!r} is no way to prove a key that may {', '.join(sorted(operations))}.",
            field="evidence.method",
            advice=f"Give one of {', '.join(possible)}.",
        )
    return Proof(method)


_IMPORTED: Final = ORDER.index(Step.IMPORTED)


def _order_advice(present: Step, wanted: Step) -> str:
    if ORDER.index(wanted) <= ORDER.index(present):
        return "It was recorded with other evidence, which stays; plan a new deployment to push anew."
    return f"Record {ORDER[ORDER.index(present) + 1]} next."
