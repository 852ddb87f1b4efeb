"""Backups as the audit log knows them. They are made on the server's own machine: nobody signs in for one.

The events about backups count up a revision, as those about rows do, so that the newest is found by its index.
"""

import json
from dataclasses import dataclass, replace
from typing import Final

from keyferry import clock
from keyferry.clock import Microseconds
from keyferry.custody.audit_chain import Head
from keyferry.custody.local import local_event
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject
from keyferry.material.sealing import Sealer
from keyferry.store.events import NewestEvent, write_event
from keyferry.store.store import Store
from keyferry.store.transaction import Transaction

_ID: Final = "backup"
_NEWEST = NewestEvent.of_object()


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The newest backup that the audit log knows: its file's name, when its snapshot was taken, where the log ended."""

    file: str
    taken_at: Microseconds
    head: str


def record_backup(store: Store, sealer: Sealer, file: str, head: Head, taken_at: Microseconds, size: int) -> None:
    """Write that a backup was made."""
    details = {"file": file, "taken_at": taken_at, "head": str(head), "bytes": size}

    def write(tx: Transaction) -> None:
        event = Subject("backup", _ID, file).on(local_event("keyferry backup create", Operation.BACKUP_CREATE, details))
        write_event(tx, sealer, replace(event, object_revision=(_NEWEST.read(tx, sealer, _ID) or 0) + 1))

    store.write(write)


def record_restoration(tx: Transaction, sealer: Sealer, file: str, head: Head, taken_at: Microseconds) -> None:
    """Write into the store that is being restored that it was, and from what."""
    details = {"file": file, "taken_at": taken_at, "head": str(head), "restored_at": clock.now()}
    event = local_event("keyferry backup restore", Operation.BACKUP_RESTORE, details)
    write_event(tx, sealer, Subject("backup", _ID, file).on(event))


def last_backup(tx: Transaction, sealer: Sealer) -> LastBackup | None:
    """The newest backup; None if there never was one.

    Raises:
        IntegrityViolation: the event about it does not verify.
    """
    details = _NEWEST.details(tx, sealer, _ID)
    if details is None:
        return None
    known = json.loads(details)
    return LastBackup(known["file"], known["taken_at"], known["head"])
