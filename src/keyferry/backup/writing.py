"""A file that comes to stand under its name when it is whole, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from keyferry.errors import CannotStart
from keyferry.private_files import PRIVATE_MODE, sync_directory

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def whole_file(path: Path, *, what: str) -> Iterator[BinaryIO]:
    """Write a new file of mode 0600 at `path`. It is under another name until it is whole and on the disk.

    Raises:
        CannotStart: (`file-exists`) something stands at `path`, which is never written over; or (`file-refused`) it
            cannot be written. Nothing stays behind; after a crash, at most a file whose name begins with a dot.
    """
    if os.path.lexists(path):
        raise _exists(path)
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(os.open(fresh, _FLAGS, PRIVATE_MODE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(fresh, path)
        sync_directory(path.parent)
    except OSError as error:
        raise CannotStart(
            f"The {what} cannot be written to {path}: {error.strerror}.",
            code="file-refused",
            field="file",
            advice="Check that the directory exists, is yours, and has room.",
        ) from None
    finally:
        with suppress(OSError):
            fresh.unlink()


def _put_in_place(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)  # unlike a renaming, refused when something stands there
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # a file system without links, such as a USB stick's
        if os.path.lexists(path):
            raise _exists(path) from None
        fresh.rename(path)


def _exists(path: Path) -> CannotStart:
    return CannotStart(
        f"There is already a file at {path}.",
        code="file-exists",
        field="file",
        advice="Choose another name; nothing is written over.",
    )
