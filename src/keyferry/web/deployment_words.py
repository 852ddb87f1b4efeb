"""What a deployment's record says, in the words of pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyferry.clock import Microseconds
from keyferry.clock import now as clock_now
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_steps import ORDER, Step, unfinished

#: each step while it is done, and once it is
STEPS: Final[Mapping[Step, tuple[str, str]]] = {
    Step.PLANNED: ("Planning", "Planned"),
    Step.KEK_READY: ("Making the key encryption key ready", "The key encryption key is ready"),
    Step.EXPORTED: ("Wrapping the key", "The key was wrapped for the vault"),
    Step.IMPORTED: ("Importing the file", "The vault imported it"),
    Step.READ_BACK: ("Reading the key back", "It was read back, and is ours"),
    Step.PROVED: ("Proving the key", "It was proved"),
}

#: of a push that has let its time pass: it would have let go of the deployment at its end
_CUT_OFF: Final = {
    "code": "push-cut-off",
    "detail": "The push ended without saying how: its server was stopped, or could record nothing more.",
    "advice": "Push on. It looks into the vault first, so that nothing is imported twice.",
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step: `state` is `done`, `doing`, `stopped` or `ahead`; `facts` are what shows it."""

    step: Step
    words: str
    state: str
    at: Microseconds | None
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A deployment as a page shows it.

    Attributes:
        kind: of its status: good, warn, bad or info.
        problem: what stopped the last push.
        drift: how the vault's key differed from ours, when it was last looked at.
    """

    detail: DeploymentDetail
    status: str
    kind: str
    running: bool
    live: bool
    arrived: bool
    steps: tuple[ShownStep, ...]
    problem: Mapping[str, Any] | None
    observed: Mapping[str, Any] | None
    drift: Sequence[Mapping[str, Any]]
    backup: Mapping[str, Any] | None

    @property
    def stopped(self) -> bool:
        """Whether its last push was stopped, and nobody has gone on with it or given it up."""
        return self.problem is not None and self.live and not self.running

    @property
    def mark(self) -> str:
        """Tells apart what a page that follows it has to show anew."""
        return f"{self.detail.step}.{'running' if self.running else 'ended'}"

    @property
    def words(self) -> str:
        """How it stands, for whoever does not see it."""
        reached = STEPS[self.detail.step][1]
        told = self.problem["detail"] if self.stopped and self.problem is not None else f"{reached}."
        return f"{self.detail.deployment.name}: {self.status}. {told}"


def shown(detail: DeploymentDetail, *, running: bool = False) -> Shown:
    """
    Args:
        running: it is known to run, whatever the record says yet.
    """
    row = detail.deployment
    runs = running or (row.lease_until or 0) > clock_now()
    problem, observed, backup = (_told(each) for each in (row.problem, row.observed, row.backup))
    if problem is None and not runs and row.lease_id is not None:
        problem = {**_CUT_OFF, "at": row.lease_until}
    drift = [] if observed is None else list(observed.get("drift") or [])
    live = row.abandoned_at is None and unfinished(detail.step)
    status, kind = _status(detail, problem, observed, drift, runs=runs)
    return Shown(
        detail,
        status,
        kind,
        runs,
        live,
        row.remote_identifier is not None,
        tuple(_steps(detail, problem, runs=runs, live=live)),
        problem,
        observed,
        drift,
        backup,
    )


def _status(
    detail: DeploymentDetail,
    problem: Mapping[str, Any] | None,
    observed: Mapping[str, Any] | None,
    drift: Sequence[Mapping[str, Any]],
    *,
    runs: bool,
) -> tuple[str, str]:
    row = detail.deployment
    if row.abandoned_at is not None:
        return "abandoned", "warn"
    if runs:
        return "being pushed", "info"
    if unfinished(detail.step):
        return (f"stopped at {detail.step}", "bad") if problem is not None else (f"as far as {detail.step}", "info")
    if drift:
        return "drift", "bad"
    if not detail.is_current:
        return "older version", "warn"
    return ("in step", "good") if observed is not None else ("arrived and proved", "good")


def _steps(
    detail: DeploymentDetail, problem: Mapping[str, Any] | None, *, runs: bool, live: bool
) -> Sequence[ShownStep]:
    present = ORDER.index(detail.step)
    found = []
    for index, step in enumerate(ORDER):
        doing, done = STEPS[step]
        told = detail.evidence.get(step, {})
        if index <= present:
            at = detail.deployment.created_at if step is Step.PLANNED else told.get("at")
            found.append(ShownStep(step, done, "done", at, _facts(step, told)))
        elif index == present + 1 and runs:
            found.append(ShownStep(step, f"{doing} …", "doing", None, ()))
        elif index == present + 1 and live and problem is not None:
            found.append(ShownStep(step, f"{doing}: stopped", "stopped", problem.get("at"), ()))
        else:
            found.append(ShownStep(step, doing, "ahead", None, ()))
    return found


_FACTS: Final[Mapping[Step, Sequence[tuple[str, str]]]] = {
    Step.KEK_READY: (("identifier", "Key encryption key"),),
    Step.IMPORTED: (("identifier", "Key identifier"),),
    Step.READ_BACK: (("type", "Type"), ("operations", "Allowed there"), ("recovery_level", "Recovery level")),
    Step.PROVED: (("how", "Proved by"), ("algorithm", "Algorithm")),
}


def _facts(step: Step, told: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    found = ((words, told.get(name)) for name, words in _FACTS.get(step, ()))
    return [(words, ", ".join(value) if isinstance(value, list) else str(value)) for words, value in found if value]


def _told(document: str | None) -> Mapping[str, Any] | None:
    if document is None:
        return None
    found: Mapping[str, Any] = json.loads(document)
    return found
