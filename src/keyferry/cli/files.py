"""Files that commands read whole and write whole."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from keyferry.errors import CannotStart
from keyferry.private_files import create_private, replace_private

MAX_BYTES = 64 * 1024
STANDARD_INPUT = "-"


def read_input(
    path: str, *, what: str, field: str, most: int = MAX_BYTES, advice: str = "Check that this is the file."
) -> bytes:
    """A file's bytes, or those of standard input when `path` is `-`; at most `most`, 64 KiB unless said otherwise.

    Args:
        advice: for whoever has a larger one.

    Raises:
        CannotStart: (`file-refused`) it cannot be read or is larger.
    """
    try:
        data = _read(path, most)
    except OSError as error:
        detail = f"The {what} at {path} cannot be read: {error.strerror}."
        raise CannotStart(detail, code="file-refused", field=field, advice="Check the path.") from None
    if len(data) > most:
        detail = f"The {what} at {path} is larger than {most} bytes."
        raise CannotStart(detail, code="file-refused", field=field, advice=advice)
    return data


def _read(path: str, most: int) -> bytes:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read(most + 1)
    with Path(path).open("rb") as file:
        return file.read(most + 1)


def read_public_key(path: str) -> str:
    """A key encryption key's public key, as text. It is judged here first, so that a private key is never sent.

    Raises:
        KekRefused: it will not do; see `keyferry.byok.kek.read_kek`.
        CannotStart: (`file-refused`) it cannot be read.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from keyferry.byok.kek import read_kek

    data = read_input(path, what="public key", field="public_key")
    kek = read_kek(data)
    if data.lstrip().startswith(b"{"):
        return data.decode()  # with the key identifier that came with the key
    return kek.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def others_can_read(path: str) -> str | None:
    """A warning when a file that holds a secret can be read by others."""
    if path == STANDARD_INPUT or not Path(path).exists() or not Path(path).stat().st_mode & 0o077:
        return None
    return f"Others can read {path}, which holds a private or secret key: chmod 600 {path}"


def require_writable(path: Path, *, force: bool) -> None:
    """Find out before anything is recorded whether `write_whole` will be possible.

    Raises:
        CannotStart: `file-exists`, or `file-refused` when the directory is missing or not writable.
    """
    if os.path.lexists(path) and not force:
        raise _exists(path)
    if path.is_dir():
        detail = f"{path} is a directory."
        raise CannotStart(detail, code="file-refused", field="output", advice="Name the file in it.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        detail = f"The directory {path.parent} is missing, or you cannot write to it."
        raise CannotStart(detail, code="file-refused", field="output", advice="Name a path that you can write to.")


def write_whole(path: Path, data: bytes, *, what: str, force: bool) -> None:
    """Write a file of mode 0600 in one step: at `path` stands all of it, or what stood there before.

    Raises:
        CannotStart: `file-exists` without `force`, or it cannot be written.
    """
    if force:
        replace_private(path, data, what=what, field="output")
        return
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    create_private(fresh, data, what=what, field="output")
    try:
        # A link, unlike a renaming, is refused when something stands there already.
        os.link(fresh, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:  # a file system without links, such as a USB stick's
        create_private(path, data, what=what, code="file-exists", field="output")
    finally:
        with suppress(OSError):
            fresh.unlink()


def _exists(path: Path) -> CannotStart:
    return CannotStart(
        f"There is already a file at {path}.",
        code="file-exists",
        field="output",
        advice="Choose another --output, or write over it with --force.",
    )
