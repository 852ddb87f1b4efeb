"""When a key is to be rotated by itself: every so many days, or so many days before it stops protecting, or both.

The next rotation follows from the schedule and from the dates of the current version alone: so many days after it
became active, or before it is deactivated, whichever comes first. It is kept in the key's row, and reckoned anew
whenever the schedule, those dates or the current version change.
"""

from dataclasses import dataclass
from typing import Final

from keyferry.clock import DAY, Microseconds
from keyferry.custody.lifecycle import State, state_at
from keyferry.errors import Conflict, InvalidInput
from keyferry.store.records import Key, KeyVersion

#: ten years, about
MOST_DAYS: Final = 3650
#: in an edit, takes that part of a schedule away
NEVER: Final = 0

EVERY: Final = "rotation.every_days"
BEFORE: Final = "rotation.before_deactivation_days"


@dataclass(frozen=True, slots=True)
class Schedule:
    """In whole days. In an edit, None leaves a part as it is, and `NEVER` takes it away."""

    every_days: int | None = None
    before_deactivation_days: int | None = None

    @classmethod
    def of(cls, key: Key) -> "Schedule":
        """The schedule in a key's row; both None where it has none."""
        return cls(_days(key.rotate_every), _days(key.rotate_before))

    @property
    def every(self) -> Microseconds | None:
        """As rows keep it."""
        return None if self.every_days is None else self.every_days * DAY

    @property
    def before(self) -> Microseconds | None:
        """As rows keep it."""
        return None if self.before_deactivation_days is None else self.before_deactivation_days * DAY

    def edited(self, edit: "Schedule") -> "Schedule":
        """This schedule, with what `edit` changes of it."""
        every = self.every_days if edit.every_days is None else edit.every_days or None
        before = edit.before_deactivation_days
        return Schedule(every, self.before_deactivation_days if before is None else before or None)

    def check(self) -> None:
        """
        Raises:
            InvalidInput: a number of days is not between 1 and `MOST_DAYS`.
        """
        for field, days in ((EVERY, self.every_days), (BEFORE, self.before_deactivation_days)):
            if days is not None and not 1 <= days <= MOST_DAYS:
                raise InvalidInput(
                    f"{field} is {days}.", field=field, advice=f"Give a number of days from 1 to {MOST_DAYS}."
                )


UNSAID: Final = Schedule()
"""No schedule; in an edit, leaves the one that there is."""

NO_SCHEDULE: Final = Schedule(NEVER, NEVER)
"""In an edit, takes the whole schedule away."""


def next_rotation(schedule: Schedule, version: KeyVersion, now: Microseconds) -> Microseconds | None:
    """When a key with this current version is to be rotated; None while there is no date to count from.

    A version that is older than the schedule allows is rotated a day from now: its owner is reminded first.
    """
    dates = []
    if schedule.every is not None and version.activation_date is not None:
        dates.append(max(version.activation_date + schedule.every, now + DAY))
    if schedule.before is not None and version.deactivation_date is not None:
        dates.append(version.deactivation_date - schedule.before)
    return min(dates, default=None)


def lifetime(version: KeyVersion) -> Microseconds | None:
    """For how long a version that is in use protects; None if that is without end."""
    begins = version.created_at if version.activation_date is None else version.activation_date
    return None if version.deactivation_date is None else version.deactivation_date - begins


def deactivation_of_the_next(version: KeyVersion, now: Microseconds) -> Microseconds | None:
    """When the version that comes after `version` stops protecting: it lives as long.

    A version that is out of use says nothing of that: whoever deactivated it has moved its date.
    """
    lives = lifetime(version) if is_in_use(version, now) else None
    return None if lives is None else now + lives


def is_in_use(version: KeyVersion, now: Microseconds) -> bool:
    """Whether a version is active or on its way to be."""
    return version.destroy_at is None and state_at(version, now) in {State.PRE_ACTIVE, State.ACTIVE}


def check_schedule(schedule: Schedule, lives: Microseconds | None) -> None:
    """Judge a schedule for versions that live so long; None: without end.

    Raises:
        InvalidInput: a number of days will not do, there is no deactivation date to count back from, or less than a day
            would lie between two rotations.
    """
    schedule.check()
    if schedule.before is None:
        return
    if lives is None:
        raise InvalidInput(
            "The key has no deactivation date to count back from.",
            field=BEFORE,
            advice="Give it a deactivation date too, or rotate it every so many days.",
        )
    if lives - schedule.before < DAY:
        raise InvalidInput(
            f"A version lives for {lives // DAY} days; rotated {schedule.before_deactivation_days} days before that is "
            "over, the next one would be due within a day.",
            field=BEFORE,
            advice="Give fewer days, or a later deactivation date.",
        )


def check_edited(schedule: Schedule, version: KeyVersion, now: Microseconds) -> None:
    """Judge a schedule for a key with this current version.

    Raises:
        InvalidInput: as `check_schedule`.
        Conflict: the version is out of use, so that it will not be rotated by itself.
    """
    if schedule == UNSAID:
        return
    if not is_in_use(version, now):
        raise Conflict(
            f"Version {version.number}, the current one, is out of use: nothing rotates it by itself.",
            field="rotation",
            advice="Rotate the key by hand first; then set the schedule.",
        )
    check_schedule(schedule, lifetime(version))


def _days(kept: Microseconds | None) -> int | None:
    return None if kept is None else kept // DAY
