"""What a rule is, and what it may look at beside its subject."""

from collections.abc import Callable
from dataclasses import dataclass

from keyferry.customer_key.lines import Finding, Line, Subject, Weight
from keyferry.customer_key.pair import Member, Pair
from keyferry.customer_key.workloads import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every rule may look at.

    Attributes:
        pair: both keys.
        workloads: those that the pair is for.
        now: Unix seconds.
        legacy: judge as the FastTrack offer did, which wanted a mandatory retention period of every subscription.
    """

    pair: Pair
    workloads: tuple[Workload, ...]
    now: int
    legacy: bool

    @property
    def mandatory_retention(self) -> bool:
        """Whether the recovery level must be that of a protected subscription."""
        return self.legacy or any(each.mandatory_retention for each in self.workloads)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRule:
    """A rule about one key. `judge` is a pure function of the key and the context."""

    id: str
    wanted: str
    weight: Weight
    source: str
    judge: Callable[[Member, Context], Finding]

    def line(self, subject: Subject, member: Member, context: Context) -> Line:
        """The line for one key."""
        return as_line(self.id, self.wanted, self.weight, self.source, subject, self.judge(member, context))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """A rule about both keys together."""

    id: str
    wanted: str
    weight: Weight
    source: str
    judge: Callable[[Context], Finding]

    def line(self, context: Context) -> Line:
        """The line for the pair."""
        return as_line(self.id, self.wanted, self.weight, self.source, Subject.PAIR, self.judge(context))


def as_line(id_: str, wanted: str, weight: Weight, source: str, subject: Subject, finding: Finding) -> Line:
    """A rule and what it found."""
    outcome, found, remedy = finding
    return Line(
        id=id_,
        subject=subject,
        weight=weight,
        outcome=outcome,
        wanted=wanted,
        found=found,
        remedy=remedy,
        source=source,
    )
