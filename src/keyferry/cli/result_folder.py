"""A folder of transfer files, one for each key, with a manifest that says what each is.

An export of many keys can end anywhere: by Ctrl-C, by a broken connection, by a machine that loses its power. The same
command, run again, finds in the folder what is done. So each step leaves the folder readable:

    1. a transfer file is on the disk, under its name, whole
    2. its entry is appended to the journal
    3. the manifest takes the journal's entries in, in one step, and the journal goes

What has a file and no entry was cut off between 1 and 2: it is exported again, and the file replaced.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keyferry.errors import CannotStart
from keyferry.private_files import PRIVATE_MODE, replace_private

MANIFEST = "manifest.json"
JOURNAL = "manifest.journal"
FORMAT = 1
EXPORTED, REFUSED = "exported", "refused"
_DIRECTORY_MODE = 0o700
#: entries that the journal has when the manifest takes them in
_MOST_IN_JOURNAL = 200
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
#: what a file is called while it is being written: `private_files.replace_private`
_HALF_WRITTEN = re.compile(r"\..+\.[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What all files in a folder have in common. A folder keeps to it for good."""

    destination: str
    key_identifier: str
    kek_sha256: str
    group: str | None
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of a key.

    Attributes:
        file: its name in the folder; None of a key that was refused.
        sha256: of the file.
        problem: why it was refused: the code and the detail.
    """

    id: str
    name: str | None
    version: int
    status: str
    file: str | None = None
    sha256: str | None = None
    export_id: str | None = None
    import_command: str | None = None
    problem: dict[str, Any] | None = None


@dataclass(slots=True)
class ResultFolder:
    """An open folder; nobody else has it open."""

    path: Path
    terms: Terms
    entries: dict[str, Entry] = field(default_factory=dict)
    _in_journal: int = 0

    def keep(self, entry: Entry, content: bytes | None) -> None:
        """Write a key's file, if it has one, and then its entry.

        Raises:
            CannotStart: it cannot be written.
        """
        if entry.file is not None and content is not None:
            replace_private(self.path / entry.file, content, what="transfer file", field="output_folder")
        self.entries[entry.id] = entry
        descriptor = os.open(self.path / JOURNAL, _APPEND, PRIVATE_MODE)
        with os.fdopen(descriptor, "w") as journal:
            journal.write(json.dumps(_members(entry)) + "\n")
        self._in_journal += 1
        if self._in_journal >= _MOST_IN_JOURNAL:
            self.settle()

    def settle(self) -> None:
        """Take the journal into the manifest."""
        document = {"format": FORMAT, **asdict(self.terms), "keys": [_members(each) for each in self.entries.values()]}
        text = json.dumps(document, indent=2) + "\n"
        replace_private(self.path / MANIFEST, text.encode(), what="manifest", field="output_folder")
        (self.path / JOURNAL).unlink(missing_ok=True)
        self._in_journal = 0

    def holds(self, key_id: str, version: int) -> bool:
        """Whether the file of this version is there, and is the one that was written."""
        entry = self.entries.get(key_id)
        if entry is None or entry.status != EXPORTED or entry.version != version or entry.file is None:
            return False
        try:
            content = (self.path / entry.file).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == entry.sha256

    def free_name(self, key_id: str, wanted: str) -> str:
        """A file name for a key: the wanted one, or its id's if another key of the folder has that."""
        taken = {each.file for each in self.entries.values() if each.id != key_id}
        return wanted if wanted not in taken else f"key-{key_id}.byok"


@contextmanager
def opened(path: Path, terms: Terms) -> Iterator[ResultFolder]:
    """The folder at `path`, made if there is none, with what earlier runs left in it; settled when it is closed.

    Raises:
        CannotStart: (`folder-refused`) it is another export's, holds something else, cannot be read, or is in use.
    """
    try:
        path.mkdir(mode=_DIRECTORY_MODE, parents=False, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(f"{path} is no folder that can be used: {error.strerror}.", "Name another folder.") from None
    try:
        _lock(descriptor, path)
        folder = _read(path, terms)
        folder.settle()
        try:
            yield folder
        finally:
            folder.settle()
    finally:
        os.close(descriptor)


def _read(path: Path, terms: Terms) -> ResultFolder:
    for left in path.iterdir():
        if _HALF_WRITTEN.fullmatch(left.name):
            left.unlink()
    manifest = path / MANIFEST
    if not manifest.exists():
        if any(path.iterdir()):
            raise _refused(f"{path} holds something else.", "Name an empty folder, or one that is not there yet.")
        return ResultFolder(path, terms)
    try:
        document = json.loads(manifest.read_bytes())
        lines = (path / JOURNAL).read_text().split("\n") if (path / JOURNAL).exists() else []
        before = Terms(**{name: document[name] for name in Terms.__dataclass_fields__})
        known = document["format"] == FORMAT
        # What follows the last line's end was cut off while it was written.
        entries = [_entry(each) for each in (*document["keys"], *map(json.loads, lines[:-1]))]
    except (OSError, ValueError, KeyError, TypeError):
        raise _refused(f"The manifest in {path} cannot be read.", "Restore it, or name another folder.") from None
    if not known:
        raise _refused(f"The manifest in {path} has another form.", "Use the Keyferry that wrote it.")
    _require_same(path, before, terms)
    return ResultFolder(path, terms, {each.id: each for each in entries})


def _entry(document: dict[str, Any]) -> Entry:
    """An entry as it was written.

    Raises:
        ValueError: its file is not in the folder.
    """
    entry = Entry(**document)
    if entry.file is not None and (Path(entry.file).name != entry.file or entry.file in {"", ".", ".."}):
        raise ValueError("the file of an entry lies elsewhere")
    return entry


def _members(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value is not None or name == "name"}


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise _refused(f"Another command is writing to {path}.", "Wait until it has ended.") from None


_WORDS = {
    "destination": "for the destination {}",
    "key_identifier": "under the key identifier {}",
    "kek_sha256": "under the public key with the SHA-256 {}",
}


def _require_same(path: Path, before: Terms, now: Terms) -> None:
    """
    Raises:
        CannotStart: (`folder-refused`) what the folder holds was exported on other terms.
    """
    for name, words in _WORDS.items():
        if getattr(before, name) != getattr(now, name):
            raise _another(path, words.format(getattr(before, name)), words.format(getattr(now, name)))
    if (before.group, before.owner) != (now.group, now.owner):
        raise _another(path, _whose(before), _whose(now))


def _whose(terms: Terms) -> str:
    if terms.group is not None:
        return f"of the group {terms.group}"
    return f"of the user {terms.owner}"


def _another(path: Path, was: str, wanted: str) -> CannotStart:
    return _refused(
        f"{path} holds keys {was}, and those asked for are {wanted}.",
        "Name another folder for them.",
    )


def _refused(detail: str, advice: str) -> CannotStart:
    return CannotStart(detail, code="folder-refused", field="output_folder", advice=advice)
