"""Another root of trust for a store, and another passphrase for its root. The rows of keys are not touched.

A change of the root can be cut off anywhere, and the installation still opens:

1. The new root is made, in a file of its own. (Cut off here, it is a file that nothing needs.)
2. The change is noted in the home, with the new root's fingerprint.
3. The data keys are wrapped under the new root, in one transaction, with the audit event. From here on, a start finds
   by the note that the new root is the one.
4. The setting `root` names the new root.
5. The file of the old one is put aside under another name: older backups open with it.
6. The note is removed.

Run again, a change that was cut off after step 3 is brought to its end, and one that was cut off before is forgotten.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keyferry.config.settings import Settings
from keyferry.config.sources import change_settings, load_settings
from keyferry.custody.founding import wrap_data_keys_anew
from keyferry.custody.local import local_event
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject
from keyferry.errors import CannotStart
from keyferry.installation import Installation
from keyferry.roots import passphrase
from keyferry.roots.copies import export_root
from keyferry.roots.opening import create_root, root_path
from keyferry.roots.passphrase_source import PassphraseSource
from keyferry.roots.pending import Pending, clear_pending, read_pending, write_pending
from keyferry.store.events import write_event
from keyferry.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Changed:
    """A change of the root of trust.

    Attributes:
        was, now: fingerprints.
        uri: of the new root.
        old_file: where the old root's file lies now; None if it could not be put aside, or was no more there.
        continued: it was begun earlier, and cut off.
    """

    was: str
    now: str
    uri: str
    old_file: Path | None
    continued: bool


def export(installation: Installation, file: Path, source: PassphraseSource) -> None:
    """Save the root key apart, under a passphrase; the audit log says so.

    Raises:
        InvalidInput, CannotStart: as `keyferry.roots.copies.export_root`.
    """
    export_root(installation.root, file, source)
    _record(installation, "keyferry root export", Operation.ROOT_EXPORT, {"file": file.name})


def change_passphrase(installation: Installation, old: PassphraseSource, new: PassphraseSource) -> Path:
    """Put the root key under another passphrase; answers the file that it is in.

    Raises:
        CannotStart: (`setting-refused`) the root has no passphrase; `root-unavailable`, the old one does not open it.
        InvalidInput: (`passphrase-refused`) the new one is too short or too easy to guess.
    """
    settings = installation.settings
    if not installation.root.uri.startswith("passphrase:"):
        raise CannotStart(
            f"The root of trust, {installation.root.uri}, has no passphrase.",
            code="setting-refused",
            field="root",
            advice="Put it under one: keyferry root rotate --root passphrase:root.json",
        )
    path = root_path(installation.root.uri, settings.home)
    passphrase.change_passphrase(path, old.read(), new.read_new())
    _record(installation, "keyferry root passphrase", Operation.ROOT_PASSPHRASE, {})
    return path


def change_root(
    installation: Installation,
    *,
    uri: str | None = None,
    passphrase_file: Path | None = None,
    reached: Callable[[int], None] = lambda _step: None,
) -> Changed:
    """Make a new root of trust, and put the data keys under it; see above. A serving process goes on meanwhile.

    Args:
        uri: of the new root; of the same kind as the old one and beside it, if not given.
        passphrase_file: with the new root's passphrase, if it is one with a passphrase; else that of the setting, or a
            prompt.
        reached: called after each step with its number.

    Raises:
        CannotStart: `setting-refused`, the setting comes from the environment, or `uri` will not do;
            `already-initialised`, something stands there; `root-unavailable`; `cannot-start`, another change is under
            way.
        InvalidInput: (`passphrase-refused`) the new passphrase is too short or too easy to guess.
    """
    settings = installation.settings
    with _alone(settings.home):
        pending = read_pending(settings.home)
        if pending is not None and pending.fingerprint == installation.root.fingerprint:
            return _settle(settings.home, pending, reached, continued=True)
        if pending is not None:
            clear_pending(settings.home)  # what it has made wraps nothing
        _require_own_setting(settings)
        wanted = uri or _next_to(settings)
        new = create_root(wanted, settings.home, _source_of_new(settings, passphrase_file))
        reached(1)
        old = installation.root
        file = None if passphrase_file is None else str(passphrase_file.absolute())
        pending = Pending(settings.root, wanted, new.fingerprint, old.fingerprint, file)
        write_pending(settings.home, pending)
        reached(2)
        details = {"was": old.fingerprint, "now": new.fingerprint, "root": wanted}
        event = local_event("keyferry root rotate", Operation.ROOT_ROTATE, details)

        def wrap(tx: Transaction) -> None:
            wrap_data_keys_anew(tx, installation.sealer.store_id, old, new)
            write_event(tx, installation.sealer, Subject("root", new.fingerprint, wanted).on(event))

        installation.store.write(wrap)
        reached(3)
        return _settle(settings.home, pending, reached, continued=False)


def _settle(home: Path, pending: Pending, reached: Callable[[int], None], *, continued: bool) -> Changed:
    """What follows once the data keys are under the new root."""
    file = {} if pending.passphrase_file is None else {"root_passphrase_file": pending.passphrase_file}
    change_settings(home, root=pending.now, **file)
    reached(4)
    old_file = _put_aside(root_path(pending.was, home), pending.was_fingerprint)
    reached(5)
    clear_pending(home)
    reached(6)
    return Changed(pending.was_fingerprint, pending.fingerprint, pending.now, old_file, continued)


def _put_aside(path: Path, fingerprint: str) -> Path | None:
    aside = path.with_name(f"{path.name}.retired-{fingerprint}")
    try:
        if os.path.lexists(path) and not os.path.lexists(aside):
            path.rename(aside)
    except OSError:  # on a medium that is gone or cannot be written; it is not needed there
        return None
    return aside if aside.exists() else None


def _source_of_new(settings: Settings, passphrase_file: Path | None) -> PassphraseSource:
    if passphrase_file is None and settings.root_passphrase_file is not None:
        return PassphraseSource.of(settings.root_passphrase_file)
    return PassphraseSource.for_option(passphrase_file, of_what="the new root of trust", field="passphrase_file")


def _next_to(settings: Settings) -> str:
    """A root of the same kind, in a file beside the old one's: `root-2.key` after `root.key`."""
    scheme, _, written = settings.root.partition(":")
    path = Path(written)
    stem, dash, number = path.stem.rpartition("-")
    base = stem if dash and number.isdecimal() else path.stem
    for count in range(2, 10_000):
        uri = f"{scheme}:{path.with_name(f'{base}-{count}{path.suffix}')}"
        if not os.path.lexists(root_path(uri, settings.home)):
            return uri
    raise CannotStart("There is no name left for a new root.", field="root", advice="Give one: --root URI")


def _require_own_setting(settings: Settings) -> None:
    """
    Raises:
        CannotStart: what names the root is not keyferry.toml, and so would go on naming the old one.
    """
    if load_settings(settings.home, environ={}).root != settings.root:
        raise CannotStart(
            "The environment names the root of trust (KEYFERRY_ROOT), and would go on naming the old one.",
            code="setting-refused",
            field="root",
            advice="Put the setting root into keyferry.toml instead, take the variable away, and run this again.",
        )


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """
    Raises:
        CannotStart: another process is changing this home's root.
    """
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CannotStart(
            "The root of trust is being changed by another process.", field="home", advice="Wait until that is done."
        ) from None
    finally:
        os.close(descriptor)


def _record(installation: Installation, command: str, operation: Operation, details: dict[str, str]) -> None:
    event = local_event(command, operation, {**details, "fingerprint": installation.root.fingerprint})
    about = Subject("root", installation.root.fingerprint, installation.root.uri)
    installation.store.write(lambda tx: write_event(tx, installation.sealer, about.on(event)))
