"""Fills the pool of keys while the machine has nothing better to do."""

import os
import threading

import structlog

from keyferry.custody.generation import Generation, cores, generated
from keyferry.custody.pool import Pool

#: seconds between two looks at whether there is something to do; the first one comes after as many
LOOK_SECONDS = 2.0
#: seconds for which nobody has asked for an RSA key
QUIET_SECONDS = 1.0
#: by how much the load may exceed the cores that generate: about this thread itself
SPARE_LOAD = 0.5

log = structlog.get_logger("keyferry.pool")


class Filling:
    """One thread, which generates one key after the other while the pool wants some and the machine is idle.

    It is not given a lower priority: a thread that has to wait for the processor while it holds the interpreter would
    make all others wait. It begins no key while somebody else generates, and none under load.
    """

    def __init__(self, pool: Pool, generation: Generation) -> None:
        self._pool = pool
        self._generation = generation
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyferry-pool", daemon=True)

    def start(self) -> None:
        """Begin to look. A thread starts once: what was stopped is not started again."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the key that is being generated, and end."""
        self._stop.set()
        self._thread.join()

    def fill(self) -> int:
        """Generate while the pool wants keys and the machine is idle; answers how many were put into the pool."""
        self._pool.tidy()
        added = 0
        while not self._stop.is_set() and self._fill_one():
            added += 1
        return added

    def _fill_one(self) -> bool:
        wanted = self._pool.wanted()
        if wanted is None or not self._is_idle():
            return False
        with self._generation.spare_turn() as mine:
            made = generated(wanted) if mine else None
        return made is not None and self._pool.put(made)

    def _is_idle(self) -> bool:
        quiet = self._generation.quiet_seconds() >= QUIET_SECONDS
        return quiet and os.getloadavg()[0] <= max(1, cores() - 1) + SPARE_LOAD

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.fill()
            except Exception:
                log.exception("pool not filled")
