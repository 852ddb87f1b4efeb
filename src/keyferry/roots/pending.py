"""A change of the root of trust that is under way: noted, so that a start after a crash finds the right root.

The data keys are wrapped anew in the database, the setting stands in a file: the two cannot change at one moment. While
they differ, this note says where the new root is, and its fingerprint which of the two the data keys are under.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from keyferry.errors import CannotStart
from keyferry.private_files import create_private, read_private, sync_directory

FILE: Final = "root.pending.json"
_MAX_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Pending:
    """From which root of trust to which.

    Attributes:
        was, now: their URIs.
        fingerprint: of the new one.
        was_fingerprint: of the old one.
        passphrase_file: what the setting `root_passphrase_file` is to be; None leaves it.
    """

    was: str
    now: str
    fingerprint: str
    was_fingerprint: str
    passphrase_file: str | None = None


def read_pending(home: Path) -> Pending | None:
    """The change that is under way in `home`, or None.

    Raises:
        CannotStart: (`root-unavailable`) others can write the note, or it cannot be read.
    """
    path = home / FILE
    if not os.path.lexists(path):
        return None
    data = read_private(path, what="note of a change of root", max_bytes=_MAX_BYTES, code="root-unavailable")
    try:
        return Pending(**json.loads(data))
    except (ValueError, TypeError):
        raise CannotStart(
            f"The note of a change of root at {path} cannot be read.",
            code="root-unavailable",
            field="root",
            advice="Find out who has changed it; without it, the setting root has to name the store's root.",
        ) from None


def write_pending(home: Path, pending: Pending) -> None:
    """Note a change before it begins."""
    create_private(home / FILE, json.dumps(asdict(pending), indent=2).encode() + b"\n", what="note of a change of root")


def clear_pending(home: Path) -> None:
    """The change is done, or was never made."""
    (home / FILE).unlink(missing_ok=True)
    sync_directory(home)
