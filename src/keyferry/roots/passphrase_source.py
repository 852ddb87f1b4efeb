"""Where a root's passphrase comes from: a file that a setting names, a service credential, or a prompt.

Tried in that order; the first that is there is the one, and if it will not do, no other is tried.
"""

import getpass
import os
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.private_files import ANYONE_ELSE, read_private

CREDENTIAL_NAME = "keyferry-root-passphrase"
MAX_CHARACTERS = 1024

_MAX_FILE_BYTES = 8192
_GROUP_READS = 0o040


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """The places to look in.

    Attributes:
        file: the setting `root_passphrase_file`.
        credential: the file in the service manager's credential directory, when there is one.
        prompt: asks a person, without echo; None where nobody sits.
        of_what: what the passphrase is of, for the prompt and for messages.
        field: what names the file: the setting, or an option of the command line.
    """

    file: Path | None = None
    credential: Path | None = None
    prompt: Callable[[str], str] | None = None
    of_what: str = "the root of trust"
    field: str = "root_passphrase_file"

    @classmethod
    def of(cls, file: Path | None, environ: Mapping[str, str] = os.environ) -> "PassphraseSource":
        """The source as this process finds it: systemd's $CREDENTIALS_DIRECTORY (LoadCredential=), and the terminal."""
        directory = environ.get("CREDENTIALS_DIRECTORY")
        credential = Path(directory) / CREDENTIAL_NAME if directory else None
        if credential is not None and not os.path.lexists(credential):
            credential = None
        return cls(file, credential, _terminal())

    @classmethod
    def for_option(cls, file: Path | None, *, of_what: str, field: str) -> "PassphraseSource":
        """The source for a command that has an option of its own for the file; else the terminal."""
        return cls(file, None, _terminal(), of_what, field)

    def read(self) -> Secret:
        """The passphrase of a root that exists: UTF-8, after NFKC.

        Raises:
            CannotStart: (`root-unavailable`) there is none to be had, or others can read the file that it is in.
        """
        if self.file is not None:
            return _from_file(self.file, ANYONE_ELSE, self.field)
        if self.credential is not None:
            # The service manager grants its user access by an ACL, whose mask shows as the group's read bit.
            return _from_file(self.credential, ANYONE_ELSE & ~_GROUP_READS, self.field)
        return _normalised(self._ask(f"Passphrase of {self.of_what}: "), self.field)

    def read_new(self) -> Secret:
        """The passphrase of a root that is being made; a person types it twice.

        Raises:
            CannotStart: as `read`; or the two differ.
        """
        if self.file is not None or self.credential is not None:
            return self.read()
        first = self._ask(f"New passphrase of {self.of_what}: ")
        if self._ask("The same again: ") != first:
            raise _unavailable(
                "The two passphrases differ.", "Begin again, and type the same passphrase twice.", self.field
            )
        return _normalised(first, self.field)

    def _ask(self, question: str) -> str:
        if self.prompt is None:
            advice = (
                "Name a file with it in KEYFERRY_ROOT_PASSPHRASE_FILE (mode 0600), or pass the service credential "
                f"{CREDENTIAL_NAME}."
            )
            if self.field != "root_passphrase_file":
                advice = f"Name a file with it (mode 0600): --{self.field.replace('_', '-')} FILE"
            what = f"{self.of_what[0].upper()}{self.of_what[1:]}"
            raise _unavailable(f"{what} needs its passphrase, and there is no terminal to ask at.", advice, self.field)
        try:
            return self.prompt(question)
        except EOFError:
            advice = f"Type the passphrase of {self.of_what}."
            raise _unavailable("No passphrase was given.", advice, self.field) from None


def _terminal() -> Callable[[str], str] | None:
    return getpass.getpass if sys.stdin is not None and sys.stdin.isatty() else None


def _from_file(path: Path, refused_mode: int, field: str) -> Secret:
    data = read_private(
        path,
        what="root passphrase",
        max_bytes=_MAX_FILE_BYTES,
        code="root-unavailable",
        field=field,
        refused_mode=refused_mode,
    )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _unavailable(f"The root passphrase at {path} is not UTF-8 text.", "Save it as UTF-8.", field) from None
    return _normalised(text.removesuffix("\n").removesuffix("\r"), field)


def _normalised(text: str, field: str) -> Secret:
    """NFKC (UAX 15), so that the same letters give the same key whichever keyboard they came from."""
    normal = unicodedata.normalize("NFKC", text)
    if not normal.strip():
        raise _unavailable("The root passphrase is empty.", "Give the passphrase of the root of trust.", field)
    if len(normal) > MAX_CHARACTERS:
        raise _unavailable(
            f"The root passphrase is longer than {MAX_CHARACTERS} characters.",
            "Check that it is the right file.",
            field,
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in normal):
        raise _unavailable(
            "The root passphrase holds control characters.", "Keep it on one line, in a file of its own.", field
        )
    return Secret(normal.encode())


def _unavailable(detail: str, advice: str, field: str) -> CannotStart:
    return CannotStart(detail, code="root-unavailable", field=field, advice=advice)
