"""The lines of a check, and what they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Subject(StrEnum):
    """What a line is about."""

    FIRST = "key 1"
    SECOND = "key 2"
    PAIR = "pair"


class Weight(StrEnum):
    """Whether onboarding, or the data that it puts under the keys, depends on it."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"


class Outcome(StrEnum):
    """What came of a line. What cannot be seen is neither a pass nor a failure."""

    PASSES = "passes"
    FAILS = "fails"
    UNSEEN = "cannot-be-seen"


class Finding(NamedTuple):
    """What a rule found: the outcome, the fact in words, and the remedy as a command to run (None when it passes)."""

    outcome: Outcome
    found: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One rule's result.

    Attributes:
        id: the rule's; with `subject` it names the line.
        subject: which key, or the pair.
        weight, outcome: see there.
        wanted: what should be so, as a sentence.
        found: what was found.
        remedy: a command to run (az, PowerShell or keyferry); None when the line passes.
        source: where the rule comes from.
    """

    id: str
    subject: Subject
    weight: Weight
    outcome: Outcome
    wanted: str
    found: str
    remedy: str | None
    source: str

    def document(self) -> dict[str, str | None]:
        """The line as REST and `--json` tell it."""
        return {
            "id": self.id,
            "subject": self.subject.value,
            "weight": self.weight.value,
            "outcome": self.outcome.value,
            "wanted": self.wanted,
            "found": self.found,
            "remedy": self.remedy,
            "source": self.source,
        }

    def told(self) -> dict[str, str]:
        """The document, without what there is not."""
        return {name: value for name, value in self.document().items() if value is not None}


class Verdict(StrEnum):
    """What the lines add up to."""

    READY = "ready"
    UNSEEN = "not-all-seen"
    NOT_READY = "not-ready"


def verdict(lines: Iterable[Line]) -> Verdict:
    """`READY` only when every required line passes; `UNSEEN` when none fails, but some could not be seen.

    Lines that recommend have no part in it. No required line at all is not a pass.
    """
    outcomes = {line.outcome for line in lines if line.weight is Weight.REQUIRED}
    if Outcome.FAILS in outcomes:
        return Verdict.NOT_READY
    return Verdict.READY if outcomes == {Outcome.PASSES} else Verdict.UNSEEN


def counts(lines: Iterable[Line]) -> Mapping[Outcome, int]:
    """How many lines have each outcome."""
    totals = dict.fromkeys(Outcome, 0)
    for line in lines:
        totals[line.outcome] += 1
    return totals


def passes(found: str) -> Finding:
    """It is as it should be."""
    return Finding(Outcome.PASSES, found)


def fails(found: str, remedy: str) -> Finding:
    """It was seen, and is wrong."""
    return Finding(Outcome.FAILS, found, remedy)


def unseen(reason: str, remedy: str) -> Finding:
    """It could not be seen; the remedy is a command by which somebody can see it."""
    return Finding(Outcome.UNSEEN, reason, remedy)
