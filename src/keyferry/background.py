"""What a serving process does beside answering: number the audit log, write counted refusals, do what has come due.

Two threads: one ticks twice a second and does what is quickly done, the other what may take long and is for one node
alone. What is done now and then stands in two tables of periodic works.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from keyferry.custody.audit_chain import Head, sequence
from keyferry.custody.caller import Origin
from keyferry.custody.counting import count
from keyferry.custody.job_runs import Runs
from keyferry.custody.leases import Lease
from keyferry.custody.policy import Operation
from keyferry.custody.works import Timetable, Work, simply
from keyferry.errors import IntegrityViolation
from keyferry.installation import Installation

TICK_SECONDS = 0.5
JOBS_EVERY_SECONDS = 5.0
ACTIVITY_EVERY_SECONDS = 60.0
HOURLY_SECONDS = 3600.0
RUNS_EVERY_SECONDS = 60.0
ROTATION_EVERY_SECONDS = 60.0
REMINDERS_EVERY_SECONDS = 300.0

log = structlog.get_logger("keyferry.background")


class Background:
    """Two threads that run until they are stopped; a fault in one tick is logged and the next one comes.

    Args:
        hourly: what else is to be done, once an hour.
        further: other quick works of this process's own.
    """

    def __init__(
        self,
        installation: Installation,
        *,
        hourly: Sequence[Callable[[], None]] = (),
        further: tuple[Work, ...] = (),
    ) -> None:
        self._installation = installation
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._run, "keyferry-background"), (self._run_works, "keyferry-works"))
        ]
        self._head: Head | None = None
        self.runs = Runs(installation.store)
        self._timetable = Timetable((*_quick(installation, self.runs, hourly), *further))
        self._leased = Timetable(_leased(installation))
        self._leases: dict[str, Lease] = {}
        self.fault: IntegrityViolation | None = None

    def start(self) -> None:
        """Begin to tick. Threads start once: what was stopped is not started again."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what runs, do a last tick, give the leases back, and end."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        try:
            self.tick()
        finally:
            self.stop_leases()
            self.runs.withdraw()

    def stop_leases(self) -> None:
        """Give the leases back, so that another node need not wait for their end."""
        for lease in self._leases.values():
            lease.leave()

    def tick(self) -> None:
        """Write refusals, do the quick works that are due, number events and count by them: in this order, so that
        theirs are numbered too. A work that fails keeps nothing else from being done.

        Raises:
            IntegrityViolation: the audit log's end has moved back, or a row was changed behind Keyferry's back.
            Exception: the first fault of a work, when all is done.
        """
        self._installation.custody.gate.write_refusals()
        due = self._timetable.due(ending=self._stop.is_set())
        faults = [fault for fault in (self._do(work, lambda: True) for work in due) if fault is not None]
        self._number_events()
        count(self._installation.store)
        if faults:
            raise faults[0]

    def work(self) -> None:
        """Do the leased works that are due and that no other node does; faults are logged."""
        for work in self._leased.due():
            lease = self._leases.setdefault(work.name, Lease(self._installation.store, work.name, self.runs.node))
            try:
                mine = lease.keep()
            except Exception:
                log.exception("lease not to be had", work=work.name)
                continue
            if mine and self._do(work, partial(self._go_on, lease)) is not None:
                log.error("periodic work failed", work=work.name)

    def _go_on(self, lease: Lease) -> bool:
        return not self._stop.is_set() and lease.keep()

    def _do(self, work: Work, go_on: Callable[[], bool]) -> Exception | None:
        """Run a work, and note how it went; answers what went wrong."""
        fault: Exception | None = None
        try:
            work.run(go_on)
        except Exception as failure:  # noqa: BLE001  # noted, and raised or logged by whoever asked
            fault = failure
        if self.runs.ran(work.name, next_in=work.every, fault=fault):
            with suppress(Exception):  # the store may be what is at fault
                self.runs.flush()
        return fault

    def _number_events(self) -> None:
        while True:
            before = self._head
            number = partial(sequence, sealer=self._installation.sealer, previous=before)
            head = self._installation.store.write(number)
            self._head = head
            if before is not None and head.number == before.number:
                return

    def _tell(self, violation: IntegrityViolation) -> None:
        """Log a violation each time it is met, and write it to the audit log the first time."""
        log.critical("integrity violation", detail=violation.detail)
        if self.fault is None or self.fault.detail != violation.detail:
            gate = self._installation.custody.gate
            details = {"detail": violation.detail}
            gate.record(Origin(None), Operation.AUDIT_READ, "failed", code=violation.code, details=details)
        self.fault = violation

    def _run(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                self.tick()
                self.fault = None
            except IntegrityViolation as violation:
                self._tell(violation)
            except Exception:
                log.exception("background tick failed")

    def _run_works(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            self.work()


def _quick(installation: Installation, runs: Runs, hourly: Sequence[Callable[[], None]]) -> tuple[Work, ...]:
    """What each node does for itself."""
    custody = installation.custody

    def once_an_hour() -> None:
        for each in hourly:
            each()

    return (
        Work("data-keys", JOBS_EVERY_SECONDS, simply(installation.learn_data_keys)),
        Work("dates", JOBS_EVERY_SECONDS, simply(custody.jobs.run)),
        Work("parsed-keys", JOBS_EVERY_SECONDS, simply(partial(custody.key_cache.forget_changed, installation.store))),
        Work("last-uses", ACTIVITY_EVERY_SECONDS, simply(custody.activity.flush), at_once=False, at_end=True),
        Work("certificates", HOURLY_SECONDS, simply(once_an_hour), at_once=False),
        Work("runs", RUNS_EVERY_SECONDS, simply(runs.flush), at_once=False),
    )


def _leased(installation: Installation) -> tuple[Work, ...]:
    """What one node does for all."""
    custody = installation.custody
    return (
        Work("rotation", ROTATION_EVERY_SECONDS, custody.rotation.run),
        Work("reminders", REMINDERS_EVERY_SECONDS, custody.reminding.run),
        Work("providers", HOURLY_SECONDS, custody.refreshing.run, at_once=False),
    )
