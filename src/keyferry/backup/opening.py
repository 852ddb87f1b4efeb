"""A backup, opened under a root of trust."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keyferry.backup.chunks import chunks_of
from keyferry.backup.entries import Entry, read_entries
from keyferry.backup.header import Header, read_header, refused
from keyferry.custody.founding import RootOfTrust, sealer_of
from keyferry.errors import CannotStart
from keyferry.material.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup that is being read: its header, a sealer under its data keys, and its entries, which are read once."""

    header: Header
    sealer: Sealer
    entries: Iterator[Entry]


@contextmanager
def opened_backup(path: Path, root: RootOfTrust) -> Iterator[Opened]:
    """Open the backup in the file at `path`.

    Raises:
        CannotStart: `file-refused`, the file cannot be read; `backup-refused`, it is none, or damaged;
            `root-unavailable`, its data keys were wrapped by another root.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        detail = f"The backup at {path} cannot be read: {error.strerror}."
        raise CannotStart(detail, code="file-refused", field="file", advice="Check the path.") from None
    with file:
        header, digest = read_header(file)
        wrapped = {generation: blob for generation, (blob, _) in header.data_keys.items()}
        sealer = _sealer(header, wrapped, root)
        yield Opened(header, sealer, read_entries(chunks_of(header, sealer, file, digest)))


def _sealer(header: Header, wrapped: dict[int, bytes], root: RootOfTrust) -> Sealer:
    try:
        return sealer_of(header.store_id, wrapped, root)
    except CannotStart as error:
        raise refused(
            f"The root key does not open this backup: {error.detail}",
            "Give the root key that the store had at the time: --root-file FILE, an export or an older root.",
            field="root_file",
        ) from None
