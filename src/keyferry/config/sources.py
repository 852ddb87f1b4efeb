"""Where settings come from: the command line, then the environment, then keyferry.toml in the home, then defaults."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keyferry.config.settings import TABLE, Setting, Settings
from keyferry.config.values import Listen
from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.private_files import ANYONE_ELSE_WRITES, create_private, read_private, replace_private

SETTINGS_FILE = "keyferry.toml"
CLIENT_VARIABLES = frozenset(
    {"KEYFERRY_HOME", "KEYFERRY_TOKEN_FILE", "KEYFERRY_PROFILE", "KEYFERRY_SERVER", "KEYFERRY_CA_FILE"}
)

_PREFIX = "KEYFERRY_"
_MAX_FILE_BYTES = 64 * 1024
_MAX_URL_BYTES = 4096
# What Kubernetes puts into every container's environment about a service named 'keyferry'. Not ours, and no mistake.
_SERVICE_LINK = re.compile(
    r"KEYFERRY_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)", re.ASCII
)


def resolve_home(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The home, absolute: what was given, else KEYFERRY_HOME, else ~/.local/share/keyferry."""
    named = given or (Path(environ["KEYFERRY_HOME"]) if environ.get("KEYFERRY_HOME") else None)
    return (named or Path("~/.local/share/keyferry")).expanduser().absolute()


def load_settings(
    home: Path, *, given: Mapping[str, object] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settings for the installation in `home`.

    Args:
        given: what the command line says; wins over everything. Its paths are relative to the working directory, all
            others to the home.
        environ: wins over keyferry.toml.

    Raises:
        CannotStart: `unknown-setting` for a name that no setting has, with the nearest one; `setting-refused` for a
            value that will not do, or a keyferry.toml that is unreadable or that others can change.
    """
    home = home.absolute()
    file = home / SETTINGS_FILE
    read: dict[str, Any] = {}  # each value comes from its own row's reader
    for name, value in _from_file(file).items():
        read[name] = _read(TABLE[name], value, f"{name} in {file}", home)
    for name, text in _from_environment(environ).items():
        read[name] = _read(TABLE[name], text, TABLE[name].variable, home)
    for name, value in (given or {}).items():
        read[name] = _read(_known(name, f"The setting {name}"), value, name, Path.cwd())
    return Settings(home=home, **read)


def write_settings(home: Path, **settings: object) -> None:
    """Add settings to keyferry.toml in `home` (mode 0600), which is made when there is none; what stands there stays.

    Values are taken as `load_settings` takes them, and checked first.

    Raises:
        CannotStart: a name or value will not do, or the file holds another value for the same setting.
    """
    home = home.absolute()
    file = home / SETTINGS_FILE
    present = _from_file(file)
    for name, value in settings.items():
        row = _known(name, f"The setting {name}")
        if name in present and _read(row, present[name], name, home) != _read(row, value, name, home):
            detail = f"{file} already says something else for {name}."
            raise CannotStart(detail, code="setting-refused", field=name, advice="Remove the line, or keep its value.")
    load_settings(home, given=settings, environ={})
    lines = "".join(f"{name} = {_toml(value)}\n" for name, value in settings.items() if name not in present)
    if not file.exists():
        create_private(file, lines.encode(), what="settings file")
    elif lines:
        text = _file_text(file)
        separator = "" if text.endswith("\n") or not text else "\n"
        replace_private(file, (text + separator + lines).encode(), what="settings file")


def change_settings(home: Path, **settings: object) -> None:
    """Put other values for settings into keyferry.toml in `home`, in one step; all other lines stay as they are.

    Raises:
        CannotStart: a name or value will not do, or a line of the file cannot be told apart from others.
    """
    file = home.absolute() / SETTINGS_FILE
    load_settings(home, given=settings, environ={})
    text = _file_text(file) if file.exists() else ""
    wanted = {
        **tomllib.loads(text),
        **{name: tomllib.loads(f"x = {_toml(value)}")["x"] for name, value in settings.items()},
    }
    for name, value in settings.items():
        line = f"{name} = {_toml(value)}"
        text, found = re.subn(rf"(?m)^[ \t]*{name}[ \t]*=.*$", _as_it_is(line), text)
        if not found:
            text += ("" if text.endswith("\n") or not text else "\n") + line + "\n"
    if tomllib.loads(text) != wanted:
        detail = f"{file} is written in a way that it cannot be changed in."
        raise CannotStart(detail, code="setting-refused", advice="Write each setting on a line of its own.")
    replace_private(file, text.encode(), what="settings file")


def _as_it_is(line: str) -> Callable[[re.Match[str]], str]:
    """A replacement in which a backslash is a backslash."""
    return lambda _: line


def read_database_url(settings: Settings) -> Secret | None:
    """The PostgreSQL URL in `database_file`; None when the store is SQLite. A Secret, as it may hold a password.

    Raises:
        CannotStart: the file is missing, others can read it, or it holds no such URL.
    """
    if settings.database_file is None:
        return None
    data = read_private(
        settings.database_file,
        what="database file",
        max_bytes=_MAX_URL_BYTES,
        code="setting-refused",
        field="database_file",
    )
    url = data.strip()
    if not url.startswith((b"postgresql://", b"postgres://")) or len(url.split()) != 1:
        raise CannotStart(
            f"{settings.database_file} does not hold a PostgreSQL URL.",
            code="setting-refused",
            field="database_file",
            advice="Write one line of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
        )
    return Secret(url)


def documented_defaults() -> dict[str, str]:
    """Each setting's default, as one would write it; what docs/settings.md must say."""
    return {name: row.default for name, row in TABLE.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for variable, value in environ.items():
        if variable.startswith(_PREFIX) and variable not in CLIENT_VARIABLES and not _SERVICE_LINK.fullmatch(variable):
            name = variable.removeprefix(_PREFIX)
            row = _known(name.lower() if name.isupper() else name, f"The environment variable {variable}")
            found[row.name] = value
    return found


def _file_text(file: Path) -> str:
    data = read_private(
        file, what="settings file", max_bytes=_MAX_FILE_BYTES, code="setting-refused", refused_mode=ANYONE_ELSE_WRITES
    )
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CannotStart(f"{file} is not UTF-8 text.", code="setting-refused", advice="Save it as UTF-8.") from None


def _from_file(file: Path) -> dict[str, object]:
    if not os.path.lexists(file):
        return {}
    try:
        table = tomllib.loads(_file_text(file))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at [^)]*\)$", str(error))  # only the place: the rest may quote a value
        detail = f"{file} is not TOML {place[0] if place else ''}".rstrip() + "."
        advice = 'Write lines such as listen = "127.0.0.1:8420".'
        raise CannotStart(detail, code="setting-refused", advice=advice) from None
    for name in table:
        _known(name, f"{name!r} in {file}")
    return table


def _known(name: str, what: str) -> Setting:
    """The row of the setting `name`; `what` begins the message when there is none.

    Raises:
        CannotStart: (`unknown-setting`) no setting has this name.
    """
    if name in TABLE:
        return TABLE[name]
    if name == "home":
        advice = "Name the home with --home or KEYFERRY_HOME; it is where keyferry.toml lies."
    else:
        near = difflib.get_close_matches(name.lower(), TABLE, n=1, cutoff=0.5)
        known = "Known settings: " + ", ".join(TABLE) + "."
        advice = f"Did you mean {near[0]} ({TABLE[near[0]].variable})?" if near else known
    raise CannotStart(f"{what} is no setting of Keyferry.", code="unknown-setting", field=name, advice=advice)


def _read(row: Setting, value: object, source: str, base: Path) -> object:
    try:
        read = row.read(value)
    except ValueError as reason:
        detail = f"The value of {source} will not do."
        raise CannotStart(detail, code="setting-refused", field=row.name, advice=f"It must be {reason}.") from None
    return base / read if isinstance(read, Path) else read


def _toml(value: object) -> str:
    """A value that settings take, in TOML 1.0. Text is known to be printable: no control character needs escaping."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, (str, Path, Listen)):
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    raise TypeError(f"settings hold no {type(value).__name__}")
