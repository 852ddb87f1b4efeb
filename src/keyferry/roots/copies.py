"""Copies of a root key, apart from the home: exported under a passphrase, and read again in either form.

An export has the form of a `passphrase:` root, whatever the scheme of the root that it is a copy of: it lies somewhere
else, and whoever finds it can guess at leisure.
"""

from pathlib import Path

from keyferry.errors import CannotStart
from keyferry.private_files import read_private
from keyferry.roots import file, passphrase
from keyferry.roots.base import Root, RootKey
from keyferry.roots.passphrase_source import PassphraseSource

_MAX_BYTES = 4096


def export_root(root: Root, path: Path, source: PassphraseSource) -> None:
    """Save `root` at `path` under a new passphrase.

    Raises:
        InvalidInput: (`passphrase-refused`) the passphrase is too short or too easy to guess.
        CannotStart: (`file-exists`) something stands at `path`; or (`root-unavailable`) this root's key does not leave
            the device that holds it, or there is no passphrase to be had.
    """
    if not isinstance(root, RootKey):
        raise CannotStart(
            f"The key of {root.uri} cannot be had.",
            code="root-unavailable",
            field="root",
            advice="Save it by the means of the device that holds it.",
        )
    passphrase.save(f"passphrase:{path}", path, root.key, source.read_new(), code="file-exists", field="file")


def open_copy(path: Path, source: PassphraseSource) -> RootKey:
    """The root key in a file of either form: an export, or the file of a `file:` or `passphrase:` root.

    Raises:
        CannotStart: (`root-unavailable`) the file is missing, others can read it, or it holds no root key; or the
            passphrase does not open it.
    """
    data = read_private(path, what="root key", max_bytes=_MAX_BYTES, code="root-unavailable", field="root_file")
    if data.lstrip().startswith(b"{"):
        return passphrase.open_(f"passphrase:{path}", path, source.read())
    return file.open_(f"file:{path}", path)
