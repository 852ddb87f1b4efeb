"""How a rehearsal ends before its time: a client that failed, a full disk, a signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from azure.core.exceptions import AzureError

from keyferry.rehearsal.commands import StepFailed

ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def understood(system: str) -> Iterator[None]:
    """Say what the Azure SDK or the operating system said, where a step fails in either.

    Raises:
        StepFailed: it did.
    """
    try:
        yield
    except AzureError as error:
        said = " ".join(str(error.message).split())
        raise StepFailed(
            f"{system} did not do it. The Azure SDK says: {type(error).__name__}: {said[:500]}",
            advice="Look whether the emulator still runs, and read the last lines of emulator.log.",
        ) from error
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StepFailed(
            f"The machine did not do it: {error.strerror or type(error).__name__}{where}.",
            advice="Give --home a directory with room that you may write to.",
        ) from error


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let a signal to end, or a terminal that is closed, end the block as Ctrl-C does: whatever is open is cleaned up.

    Raises:
        SystemExit: there was one; with 128 and its number, as shells tell it.
    """

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, end) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def unhurried() -> Iterator[None]:
    """Hold signals back while what is in the block is done: a second Ctrl-C must not leave secrets behind."""
    before = {each: signal.signal(each, _pass_over) for each in (signal.SIGINT, *ENDING)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """It asks for what is under way already. To block it would not do: another thread of the process could take it."""
