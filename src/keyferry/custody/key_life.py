"""The life of a key: what has come to pass, and what its dates say lies ahead.

It is told from the rows that whoever may see the key may see: its versions, its exports, its deployments, its last use.
Who asked for what, and what was refused, is in the audit log, which is the Administrators'.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from keyferry.clock import Microseconds
from keyferry.custody.activity import Activity
from keyferry.custody.caller import Caller
from keyferry.custody.deployment_lookup import DeploymentDetail, deployments_page
from keyferry.custody.deployment_steps import Step
from keyferry.custody.exports import newest_exports_of
from keyferry.custody.gate import Gate
from keyferry.custody.key_lookup import load_key
from keyferry.custody.lifecycle import ERASED, State, state_at
from keyferry.custody.policy import Operation
from keyferry.custody.rotation import MADE_BY
from keyferry.custody.schedules import is_in_use
from keyferry.custody.versions import all_versions
from keyferry.custody.view import View
from keyferry.store.records import Export, Key, KeyVersion
from keyferry.store.sealed import USERS

#: of exports and of deployments, the newest that are told
MOST_OF_EACH: Final = 50


class Happening(StrEnum):
    """What happens to a key."""

    GENERATED = "generated"
    IMPORTED = "imported"
    ACTIVATED = "activated"
    EXPORTED = "exported"
    ARRIVED = "arrived"
    USED = "used"
    DEACTIVATED = "deactivated"
    COMPROMISED = "compromised"
    ROTATED = "rotated"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One thing that has happened to a version, or is going to.

    Attributes:
        ahead: it lies ahead, if nobody does anything about it.
        by: the name of who did it, where the rows say that.
        note: what else the rows say: the reason of a revocation, the KEK's identifier, the place.
    """

    what: Happening
    at: Microseconds
    version: int
    ahead: bool = False
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Life:
    """From the earliest on; `created_by` is a user's name, and `last_used_at` of whichever version."""

    events: tuple[LifeEvent, ...]
    created_by: str
    last_used_at: Microseconds | None


class KeyLife:
    """For whoever may see the key."""

    def __init__(self, gate: Gate, activity: Activity) -> None:
        self._gate = gate
        self._activity = activity

    def show(self, caller: Caller, reference: str) -> Life:
        """The life of a key, with the newest of its exports and its deployments.

        Raises:
            NotFound: there is no such key, or none that the caller may see.
        """

        def read(view: View) -> Life:
            key = load_key(view, reference)
            versions = all_versions(view, key)
            found = [event for version in versions for event in self._of_version(view, key, version)]
            found += [_export(view, each) for each in newest_exports_of(view, key, MOST_OF_EACH)]
            found += _arrivals(view, deployments_page(view, key, "", MOST_OF_EACH, newest_first=True))
            used = [event.at for event in found if event.what is Happening.USED]
            return Life(
                tuple(sorted(found, key=lambda event: event.at)), _name(view, key.created_by), max(used, default=None)
            )

        return self._gate.read(caller, Operation.KEY_READ, read)

    def _of_version(self, view: View, key: Key, version: KeyVersion) -> Iterator[LifeEvent]:
        yield from _making(view, version)
        used = self._activity.last_seen(view.tx, version.id)
        if used is not None:
            yield LifeEvent(Happening.USED, used, version.number)
        yield from _ending(version, view.now)
        yield from _ahead(key, version, view.now)


def _making(view: View, version: KeyVersion) -> Iterator[LifeEvent]:
    made = Happening.IMPORTED if version.origin == "imported" else Happening.GENERATED
    yield LifeEvent(made, version.created_at, version.number, by=_name(view, version.created_by))
    begins = version.activation_date
    if begins is not None and begins <= min(view.now, *_stops(version)):
        yield LifeEvent(Happening.ACTIVATED, begins, version.number)


def _ending(version: KeyVersion, now: Microseconds) -> Iterator[LifeEvent]:
    reason = version.revocation_reason
    if version.compromised_at is not None:
        message = version.revocation_message
        note = f"{reason}: {message}" if message else reason
        yield LifeEvent(Happening.COMPROMISED, version.compromised_at, version.number, note=note)
    ends = version.deactivation_date
    was_active = version.activation_date is not None and version.activation_date <= now
    if ends is not None and was_active and ends <= min(now, *_stops(version)):
        note = None if version.compromised_at is not None else reason
        yield LifeEvent(Happening.DEACTIVATED, ends, version.number, note=note)
    if state_at(version, now) in ERASED:
        erased = version.destroyed_at or version.destroy_at or now
        yield LifeEvent(Happening.ERASED, erased, version.number)


def _ahead(key: Key, version: KeyVersion, now: Microseconds) -> Iterator[LifeEvent]:
    """What the dates say will come; of a rotation, only if the schedule can then be followed."""
    if version.destroy_at is not None and version.destroy_at > now:
        yield LifeEvent(Happening.ERASED, version.destroy_at, version.number, ahead=True)
    if not is_in_use(version, now):
        return
    begins, ends = version.activation_date, version.deactivation_date
    if begins is not None and begins > now:
        yield LifeEvent(Happening.ACTIVATED, begins, version.number, ahead=True)
    if ends is not None and ends > now and (begins is not None or state_at(version, now) is State.ACTIVE):
        yield LifeEvent(Happening.DEACTIVATED, ends, version.number, ahead=True)
    if key.current_version_id == version.id and key.rotate_at is not None:
        yield LifeEvent(Happening.ROTATED, max(key.rotate_at, now), version.number, ahead=True)


def _stops(version: KeyVersion) -> tuple[Microseconds, ...]:
    """From when on the version's other dates take no effect any more; far in the future for never."""
    far = 2**62
    return (version.compromised_at or far, version.destroy_at or version.destroyed_at or far)


def _export(view: View, export: Export) -> LifeEvent:
    by = _name(view, export.user_id)
    return LifeEvent(Happening.EXPORTED, export.created_at, export.version_number, by=by, note=export.key_identifier)


def _arrivals(view: View, found: Iterable[DeploymentDetail]) -> Iterator[LifeEvent]:
    for detail in found:
        told = detail.evidence.get(Step.IMPORTED)
        if told is not None:
            yield LifeEvent(
                Happening.ARRIVED,
                int(told["at"]),
                detail.version.number,
                by=_name(view, str(told["by"])),
                note=detail.deployment.remote_identifier,
            )


def _name(view: View, user_id: str) -> str:
    if user_id == MADE_BY:
        return "its schedule"
    user = view.get(USERS, user_id)
    return "the server's own command line" if user is None else user.name
