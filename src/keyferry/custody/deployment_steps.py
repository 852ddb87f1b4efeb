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

from keyferry.custody.facts import (
    FLAG,
    ID,
    LINE,
    LINES,
    MOMENT,
    NUMBER,
    OPERATION_WORDS,
    PEM,
    REASONS,
    SHA256,
    Fact,
    check_facts,
)
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


ORDER: Final = tuple(Step)

#: what each step is shown by; members that are not named here are refused
EVIDENCE: Final[Mapping[Step, Mapping[str, Fact]]] = {
    Step.PLANNED: {},
    Step.KEK_READY: {
        "identifier": Fact(LINE),
        "public_key": Fact(PEM),
        "spki_sha256": Fact(SHA256, optional=True),
        "bits": Fact(NUMBER, optional=True),
        "made": Fact(FLAG, optional=True, aside=True),
    },
    Step.EXPORTED: {
        "export": Fact(ID),
        "sha256": Fact(SHA256, optional=True),
        "kek_identifier": Fact(LINE, optional=True),
    },
    Step.IMPORTED: {
        "identifier": Fact(LINE),
        "adopted": Fact(FLAG, optional=True, aside=True),
        "other_versions": Fact(LINES, optional=True, aside=True),
    },
    Step.READ_BACK: {
        "identifier": Fact(LINE, optional=True),
        "spki_sha256": Fact(SHA256),
        "type": Fact(LINE),
        "bits": Fact(NUMBER, optional=True),
        "curve": Fact(LINE, optional=True),
        "operations": Fact(OPERATION_WORDS),
        "enabled": Fact(FLAG),
        "not_before": Fact(MOMENT, optional=True),
        "expires": Fact(MOMENT, optional=True),
        "recovery_level": Fact(LINE, optional=True),
        "recoverable_days": Fact(NUMBER, optional=True),
        "hsm_platform": Fact(LINE, optional=True),
        "created": Fact(MOMENT, optional=True, aside=True),
        "updated": Fact(MOMENT, optional=True, aside=True),
    },
    Step.PROVED: {
        "how": Fact(LINE),
        "algorithm": Fact(LINE, optional=True, aside=True),
        "why_not": Fact(REASONS, optional=True, aside=True),
    },
}

#: what a key of each family may be allowed to do in a vault
OPERATIONS: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.RSA: ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"),
    Family.EC: ("sign", "verify"),
}

#: the operations in a vault that show its private half to be ours; without any of them, public keys are compared alone
PROOFS: Final = ("unwrapKey", "decrypt", "sign")
PUBLIC_KEY_ONLY: Final = "public key only"

#: what is kept with each step's evidence: when (microseconds), by which user, and who saw it
BESIDE: Final = frozenset({"at", "by", "reported_by"})

_IMPORTED: Final = ORDER.index(Step.IMPORTED)


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


def unfinished(step: Step) -> bool:
    """Whether anything remains to be done."""
    return step is not ORDER[-1]


def before_import(step: Step) -> bool:
    """Whether the key is, as far as was recorded, not in the vault yet: key material may still have to leave."""
    return ORDER.index(step) < _IMPORTED


def check_operations(family: Family, wanted: tuple[str, ...]) -> str:
    """Operations as a row keeps them: sorted, separated by commas; none leaves them to what the vault allows unasked.

    Raises:
        InvalidInput: a key of this family cannot do one of them; names `operations`.
    """
    known = OPERATIONS[family]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise InvalidInput(
            f"A key of type {family} cannot {unknown[0][:40]!r} in a vault.",
            field="operations",
            advice=f"Give some of {', '.join(known)}.",
        )
    return ",".join(sorted(set(wanted)))


def check_proof(how: str, operations: frozenset[str]) -> str:
    """How the key was proved, which has to be something that it was to be allowed there, or `PUBLIC_KEY_ONLY`.

    Args:
        operations: those of the deployment; none leaves them to the vault.

    Raises:
        InvalidInput: no such way, or not for this key; names `evidence.how`.
    """
    possible = [*(proof for proof in PROOFS if not operations or proof in operations), PUBLIC_KEY_ONLY]
    if how not in possible:
        raise InvalidInput(
            f"{how[:40]!r} is no way to prove this key.",
            field="evidence.how",
            advice=f"Give one of {', '.join(possible)}.",
        )
    return how


def _essence(step: Step, evidence: Mapping[str, Any]) -> dict[str, Any]:
    aside = {name for name, fact in EVIDENCE[step].items() if fact.aside} | BESIDE
    return {name: value for name, value in evidence.items() if name not in aside}


def _order_advice(present: Step, wanted: Step) -> str:
    if ORDER.index(wanted) <= ORDER.index(present):
        return "It was recorded with other evidence, which stays; plan a new deployment to push anew."
    return f"Record {ORDER[ORDER.index(present) + 1]} next."
