"""From a root's URI to the root: one table of schemes. A further root of trust is one file and one row here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.roots import file, passphrase
from keyferry.roots.base import Root
from keyferry.roots.passphrase_source import PassphraseSource


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the roots of one scheme are made and opened: (URI, its path made absolute, passphrase source) -> root.

    Attributes:
        save: keeps a root key that exists already: (URI, path, passphrase source, key) -> root.
    """

    create: Callable[[str, Path, PassphraseSource], Root]
    open: Callable[[str, Path, PassphraseSource], Root]
    save: Callable[[str, Path, PassphraseSource, Secret], Root]


SCHEMES: dict[str, Scheme] = {
    "file": Scheme(
        create=lambda uri, path, _: file.create(uri, path),
        open=lambda uri, path, _: file.open_(uri, path),
        save=lambda uri, path, _, key: file.save(uri, path, key),
    ),
    "passphrase": Scheme(
        create=lambda uri, path, source: passphrase.create(uri, path, source.read_new()),
        open=lambda uri, path, source: passphrase.open_(uri, path, source.read()),
        save=lambda uri, path, source, key: passphrase.save(uri, path, key, source.read_new()),
    ),
}

NO_PASSPHRASE = PassphraseSource()


def create_root(uri: str, home: Path, source: PassphraseSource = NO_PASSPHRASE) -> Root:
    """Make the root of trust that `uri` names, as `keyferry init` does.

    Raises:
        CannotStart: the URI will not do (`setting-refused`), something stands there already (`already-initialised`), or
            the passphrase is not to be had (`root-unavailable`).
        InvalidInput: (`passphrase-refused`) the passphrase is too short or too easy to guess.
    """
    scheme, path = _parse(uri, home)
    return scheme.create(uri, path, source)


def open_root(uri: str, home: Path, source: PassphraseSource = NO_PASSPHRASE) -> Root:
    """Open the root of trust that `uri` names, as every start does.

    Raises:
        CannotStart: the URI will not do (`setting-refused`), or the root is missing, exposed, changed, or does not open
            under the passphrase (`root-unavailable`).
    """
    scheme, path = _parse(uri, home)
    return scheme.open(uri, path, source)


def save_root(uri: str, home: Path, key: Secret, source: PassphraseSource = NO_PASSPHRASE) -> Root:
    """Keep a root key that exists already as the root of trust that `uri` names, as a restored home needs it.

    Raises:
        CannotStart, InvalidInput: as `create_root`.
    """
    scheme, path = _parse(uri, home)
    return scheme.save(uri, path, source, key)


def root_path(uri: str, home: Path) -> Path:
    """The file of the root of trust that `uri` names.

    Raises:
        CannotStart: (`setting-refused`) the URI will not do.
    """
    return _parse(uri, home)[1]


def _parse(uri: str, home: Path) -> tuple[Scheme, Path]:
    """`SCHEME:PATH`, with the path as it is written: nothing is decoded. `SCHEME:///PATH` is taken too (RFC 8089)."""
    name, colon, path = uri.partition(":")
    if not colon or name not in SCHEMES:
        known = " or ".join(f"{scheme}:PATH" for scheme in SCHEMES)
        raise _refused("The root of trust is of no known kind.", f"Write {known}.")
    if path.startswith("//"):
        if not path.startswith("///"):
            raise _refused("The root of trust names a host.", f"Write {name}:PATH; the file lies on this machine.")
        path = path[2:]
    if not path or not path.isprintable():
        raise _refused("The root of trust names no path.", f"Write {name}:PATH, such as {name}:root.key.")
    return SCHEMES[name], home.absolute() / path


def _refused(detail: str, advice: str) -> CannotStart:
    return CannotStart(detail, code="setting-refused", field="root", advice=advice)
