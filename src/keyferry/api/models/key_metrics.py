"""Figures about keys, as answers."""

from pydantic import Field

from keyferry.api.models.values import Answer, Request, when
from keyferry.custody.key_metrics import KeyMetrics

MOST_DAYS = 366


class KeyMetricsQuery(Request):
    """How far to look back."""

    days: int = Field(default=30, ge=1, le=MOST_DAYS, description="Days of activity, today included.")


class OwnerCountAnswer(Answer):
    """How many keys a user or a group has."""

    kind: str
    name: str
    keys: int


class ExpiringAnswer(Answer):
    """How many keys stop protecting within so many days."""

    within_days: int
    keys: int


class DayAnswer(Answer):
    """What was done on a day (UTC)."""

    date: str
    created: int
    rotated: int
    used: int
    exported: int


class KeyMetricsAnswer(Answer):
    """Figures about the keys that the caller may see: all for an Administrator, one's own and one's groups' for others.

    `events` is the number of the last audit event that is counted in. `by_age` goes by a key's current version, and
    leaves erased keys out; `by_owner` names the 20 with the most.
    """

    at: str
    events: int
    total: int
    by_state: dict[str, int]
    by_type: dict[str, int]
    by_age: dict[str, int]
    by_owner: list[OwnerCountAnswer]
    pending_destruction: int
    expiring: list[ExpiringAnswer]
    days: list[DayAnswer]

    @classmethod
    def of(cls, metrics: KeyMetrics) -> "KeyMetricsAnswer":
        """From custody's figures."""
        return cls(
            at=when(metrics.at) or "",
            events=metrics.events,
            total=metrics.total,
            by_state=dict(metrics.by_state),
            by_type=dict(metrics.by_type),
            by_age=dict(metrics.by_age),
            by_owner=[OwnerCountAnswer(kind=each.kind, name=each.name, keys=each.keys) for each in metrics.by_owner],
            pending_destruction=metrics.pending_destruction,
            expiring=[ExpiringAnswer(within_days=days, keys=keys) for days, keys in metrics.expiring.items()],
            days=[
                DayAnswer(
                    date=(when(each.at) or "")[:10],
                    created=each.created,
                    rotated=each.rotated,
                    used=each.used,
                    exported=each.exported,
                )
                for each in metrics.days
            ],
        )
