"""What a serving process does beside answering: number the audit log, write counted refusals, do what has come due."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from keyferry.custody.audit import Head, sequence
from keyferry.custody.caller import Origin
from keyferry.custody.counting import count
from keyferry.custody.policy import Operation
from keyferry.errors import IntegrityViolation
from keyferry.installation import Installation

TICK_SECONDS = 0.5
JOBS_EVERY_SECONDS = 5.0
ACTIVITY_EVERY_SECONDS = 60.0
HOURLY_SECONDS = 3600.0

log = structlog.get_logger("keyferry.background")


class Background:
    """A thread that ticks twice a second until it is stopped; a fault in one tick is logged and the next one comes.

    Args:
        hourly: what else is to be done, once an hour.
    """

    def __init__(self, installation: Installation, *, hourly: Sequence[Callable[[], None]] = ()) -> None:
        self._installation = installation
        self._hourly = hourly
        self._hourly_due = time.monotonic() + HOURLY_SECONDS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyferry-background", daemon=True)
        self._head: Head | None = None
        self._jobs_due = 0.0
        self._activity_due = time.monotonic() + ACTIVITY_EVERY_SECONDS
        self.fault: IntegrityViolation | None = None

    def start(self) -> None:
        """Begin to tick. A thread starts once: what was stopped is not started again."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the tick that runs, do a last one, and end."""
        self._stop.set()
        self._thread.join()
        self.tick()

    def tick(self) -> None:
        """Write refusals, run the jobs that are due, number events and count
        by them: in this order, so that theirs are numbered too.

        Raises:
            IntegrityViolation: the audit log's end has moved back, or a row was changed behind Keyferry's back.
        """
        custody = self._installation.custody
        custody.gate.write_refusals()
        if time.monotonic() >= self._jobs_due:
            self._jobs_due = time.monotonic() + JOBS_EVERY_SECONDS
            self._installation.learn_data_keys()
            custody.jobs.run()
            custody.key_cache.forget_changed(self._installation.store)
        if self._stop.is_set() or time.monotonic() >= self._activity_due:
            self._activity_due = time.monotonic() + ACTIVITY_EVERY_SECONDS
            custody.activity.flush()
        if time.monotonic() >= self._hourly_due:
            self._hourly_due = time.monotonic() + HOURLY_SECONDS
            for work in self._hourly:
                work()
        self._number_events()
        count(self._installation.store)

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
