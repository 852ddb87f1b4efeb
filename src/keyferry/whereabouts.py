"""Where serving processes of a home answer, for whoever looks at the home: a private file a process, while it serves.

The setting `listen` says where a server is to listen; an option, or a port that was left to the system, has it listen
elsewhere. A process that was killed leaves its file behind: files of processes that are gone count for nothing, and the
next server takes them away.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from keyferry.errors import CannotStart
from keyferry.private_files import read_private, replace_private

FOLDER: Final = "serving"
_MOST_BYTES: Final = 16 * 1024
_WHAT: Final = "file with a server's addresses"


@contextmanager
def telling(home: Path, addresses: Sequence[tuple[str, int]]) -> Iterator[None]:
    """Tell where this process serves, as long as it does. A home that cannot be written to is told nothing.

    Args:
        addresses: hosts, as numbers, and ports.
    """
    file = home / FOLDER / str(os.getpid())
    with suppress(CannotStart, OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        _sweep(file.parent)
        replace_private(file, json.dumps([list(each) for each in addresses]).encode(), what=_WHAT)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def told(home: Path) -> list[tuple[str, int]]:
    """The addresses that live processes have told."""
    found: list[tuple[str, int]] = []
    for file in sorted(_files(home / FOLDER)):
        if _lives(file):
            with suppress(CannotStart, ValueError, TypeError):
                content = read_private(file, what=_WHAT, max_bytes=_MOST_BYTES)
                found += [(str(host), int(port)) for host, port in json.loads(content)]
    return found


def _files(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.name.isdecimal()]
    except OSError:  # no server has told anything here
        return []


def _sweep(folder: Path) -> None:
    for each in _files(folder):
        if not _lives(each):
            each.unlink(missing_ok=True)


def _lives(file: Path) -> bool:
    """Whether there is a process of the number that the file is called by."""
    try:
        os.kill(int(file.name), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
