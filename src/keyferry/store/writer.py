"""Writing to SQLite: first come, first served, and one commit for all that wait.

Several threads with `BEGIN IMMEDIATE` and a busy timeout starve each other for seconds. One pen does not, and it makes
many waiting operations durable with a single sync to disk. What fibers wait for is short, and is done on their event
loop; what threads wait for, in the writing thread. Either way the commit is that thread's, as it waits for the disk,
and nobody is told anything before it.

    free       a job that comes calls for whom it is to be done by, the loop or the thread
    called     more come meanwhile; the first ones that are to be done in the same place are the group
    taken      the group is done and committed; then its jobs are told, and who is next is called
"""

import threading
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

from sqlalchemy import Engine

from keyferry.errors import InternalError, Overloaded
from keyferry.store.job import Job, Work
from keyferry.store.pen import Pen

LARGEST_GROUP = 64
#: of a group that is done on an event loop, which others wait for
LARGEST_HERE: Final = 8
LONGEST_QUEUE = 4096


class _State(Enum):
    FREE = auto()
    CALLED = auto()
    TAKEN = auto()


class Writer:
    """Has work done, in turn, and waits until it is durable."""

    def __init__(self, engine: Engine) -> None:
        self._pen = Pen(engine)
        self._state = _State.FREE
        self._queue: deque[Job] = deque()
        self._closed = False
        self._lock = threading.Lock()  # of the three
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="keyferry-writer", daemon=True)
        self._thread.start()

    def write(self, work: Work) -> Any:
        """Run `work` in a savepoint of the next transaction, and return once that is committed.

        Raises:
            Overloaded: the queue is full, or the store is closing.
            InternalError: the database undid the whole group, this work and all that was to be committed with it; or
                this is asked for by work that is being written itself, and would wait for its own end.
            Exception: whatever `work` raised; its changes are undone, those of others in the group stand.
        """
        if self._pen.writing_thread == threading.get_ident():
            raise InternalError("A change was to be written while another one was being written, by the same hand.")
        job = Job(work)
        with self._lock:
            if self._closed:
                raise Overloaded("The store is closing.", code="overloaded")
            if len(self._queue) >= LONGEST_QUEUE:
                raise Overloaded("Too many changes are waiting to be written.", code="overloaded")
            self._queue.append(job)
            if was_free := self._state is _State.FREE:
                self._state = _State.CALLED
        if was_free:
            self._call(job.loop)
        return job.outcome()

    def close(self) -> None:
        """Finish what waits, then end the thread; what comes later is refused."""
        with self._lock:
            self._closed = True
            state = self._state
        if state is _State.FREE:
            self._tasks.put(None)
        elif state is _State.CALLED:  # the loop perhaps, which may not come any more
            self._tasks.put(self._write_in_thread)
        self._thread.join()
        self._pen.close()

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task  # what it holds is not kept until the next one comes

    def _call(self, loop: AbstractEventLoop | None) -> None:
        """Call for whom the first job is to be done by: its loop, or the thread for None."""
        if loop is None or self._closed or not _called(loop, self._write_here):
            self._tasks.put(self._write_in_thread)

    def _write_here(self) -> None:
        """On the loop: do all but what waits."""
        group = self._take(LARGEST_HERE)
        if not group:
            return
        begun = False
        with self._undoing(group):
            begun = self._pen.begin_now()
            if begun:
                self._pen.write(group)
        self._tasks.put(partial(self._commit if begun else self._write, group))

    def _write_in_thread(self) -> None:
        group = self._take(LARGEST_GROUP)
        if group:
            self._write(group)

    def _write(self, group: Sequence[Job]) -> None:
        with self._undoing(group):
            self._pen.begin()
            self._pen.write(group)
            self._pen.commit()
        self._end(group)

    def _commit(self, group: Sequence[Job]) -> None:
        """In the thread, what the loop has written; nothing, if that was undone."""
        with self._undoing(group):
            self._pen.commit()
        self._end(group)

    @contextmanager
    def _undoing(self, group: Sequence[Job]) -> Iterator[None]:
        """Undo the whole group after a fault, and have everybody who waits hear of it."""
        try:
            yield
        except BaseException as failure:  # noqa: BLE001  # whoever waits must hear of it, whatever it is
            for job in group:
                job.fail(failure)
            self._pen.undo()

    def _take(self, most: int) -> list[Job]:
        """The jobs that come first and are done in the same place; none if somebody else has come before."""
        with self._lock:
            if self._state is not _State.CALLED:
                return []
            self._state = _State.TAKEN
            group = [self._queue.popleft()]
            while self._queue and len(group) < most and self._queue[0].loop is group[0].loop:
                group.append(self._queue.popleft())
            return group

    def _end(self, group: Sequence[Job]) -> None:
        """Call who is next, and tell those whose work is done."""
        with self._lock:
            following = self._queue[0] if self._queue else None
            self._state = _State.FREE if following is None else _State.CALLED
            closed = self._closed
        if following is not None:
            self._call(following.loop)
        elif closed:
            self._tasks.put(None)
        loop = group[0].loop
        if loop is None:
            _tell(group)
        else:
            _called(loop, partial(_tell, group))


def _tell(group: Sequence[Job]) -> None:
    for job in group:
        job.tell()


def _called(loop: AbstractEventLoop, what: Callable[[], object]) -> bool:
    """Whether the loop will do it; not if it is closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what)
        return True
    return False
