"""`keyferry backup`: make one, verify one, restore one. For the machine that holds the home."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.advance import advancing
from keyferry.cli.failures import Command, Group
from keyferry.cli.local import home_option, settings_of
from keyferry.cli.output import Output, warn
from keyferry.cli.remote import json_option

if TYPE_CHECKING:  # (as in local.py)
    from keyferry.backup.header import Header
    from keyferry.backup.verifying import Verified
    from keyferry.roots.base import RootKey

_path = click.Path(path_type=Path, dir_okay=False)
root_file_option = click.option(
    "--root-file", type=_path, metavar="FILE", help="The root key: an export of it, or the file of a root."
)
passphrase_option = click.option(
    "--passphrase-file",
    type=_path,
    metavar="FILE",
    help="File with the passphrase of --root-file; else it is asked for.",
)


@click.group(cls=Group, help="Backups: one encrypted file, made while serving.")
def backup() -> None:
    """Backups: one encrypted file, made while serving."""


@backup.command("create", cls=Command, help="Back a home's store up into a new file, also while it is served.")
@click.argument("file", type=_path)
@home_option
@json_option
def create(file: Path, home: Path | None, as_json: bool) -> None:
    """Back a home's store up into a new file, also while it is served."""
    settings = settings_of(home)
    from keyferry.backup.creating import create_backup
    from keyferry.installation import open_installation

    installation = open_installation(settings)
    try:
        with advancing() as show:
            made = create_backup(installation, file.absolute(), lambda done, of: show("Backing up", done, of))
    finally:
        installation.close()
    out = Output(as_json=as_json)
    document = {"file": str(made.file), "bytes": made.size, **_described(made.header)}
    rows = {"Bytes": f"{made.size:,}", **_shown(made.header), "Root's fingerprint": installation.root_fingerprint}
    out.facts(document, rows, head=f"The backup is in {made.file}")
    out.say()
    out.say("It opens with the root key alone, which is not in it. If you have no copy of that apart from the home:")
    out.say(f"  keyferry root export FILE --home {settings.home}")
    out.say(
        "Keep the audit head in another place; it shows later that nothing was taken from the log. Check the backup:"
    )
    out.say(f"  keyferry backup verify {made.file} --home {settings.home}")


@backup.command("verify", cls=Command, help="Read all of a backup, and check every row in it and the audit log.")
@click.argument("file", type=_path)
@home_option
@root_file_option
@passphrase_option
@json_option
def verify(file: Path, home: Path | None, root_file: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Read all of a backup, and check every row in it and the audit log."""
    from keyferry.backup.verifying import verify_backup

    root = _root_from(root_file, passphrase_file) if root_file is not None else _root_of(home)
    with advancing() as show:
        verified = verify_backup(file.absolute(), root, lambda done, of: show("Verifying", done, of))
    sound = not verified.findings
    out = Output(as_json=as_json)
    document = {"file": str(file), "sound": sound, "findings": list(verified.findings), **_described(verified.header)}
    head = f"{file} is a sound backup." if sound else f"{file} can be read, but not all in it is sound."
    out.facts(document, _shown(verified.header), head=head)
    _warn_of(verified, out)
    if not sound:
        raise SystemExit(1)


@backup.command("restore", cls=Command, help="Make a new home from a backup; nothing is restored over another.")
@click.argument("file", type=_path)
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", required=True, help="The new home."
)
@click.option(
    "--root-file",
    type=_path,
    metavar="FILE",
    required=True,
    help="The root key: an export of it, or the file of a root.",
)
@passphrase_option
@click.option("--root", metavar="URI", help="Where the new home keeps the root key: file:PATH or passphrase:PATH.")
@click.option(
    "--database-file", type=_path, metavar="FILE", help="File that holds a PostgreSQL URL; else SQLite in the home."
)
@json_option
def restore(
    file: Path,
    home: Path,
    root_file: Path,
    passphrase_file: Path | None,
    root: str | None,
    database_file: Path | None,
    as_json: bool,
) -> None:
    """Make a new home from a backup; nothing is restored over another."""
    from keyferry.backup.restoring import restore_backup

    key = _root_from(root_file, passphrase_file)
    with advancing() as show:
        made = restore_backup(
            file.absolute(),
            key,
            home.absolute(),
            root_uri=root,
            database_file=None if database_file is None else database_file.absolute(),
            progress=show,
        )
    header = made.verified.header
    out = Output(as_json=as_json)
    document = {
        "home": str(made.home),
        "root": made.settings.root,
        "database": _database(database_file),
        "findings": list(made.verified.findings),
        **_described(header),
    }
    rows = {"Root of trust": made.settings.root, "Database": _database(database_file), **_shown(header)}
    out.facts(document, rows, head=f"The store is restored in {made.home}")
    _warn_of(made.verified, out)
    out.say()
    for line in _what_next(made.home, header):
        out.say(line)


def _what_next(home: Path, header: "Header") -> list[str]:
    return [
        f"What was done after {_time(header.created_at)}, audit event {header.head.number}, is not in it:",
        "  whoever was disabled, and whichever key or token was revoked since then, is as before: do it again",
        "  keys that were made or rotated since then are not here; what was exported of them stays where it went",
        "Let no server serve the old store beside this one.",
        "",
        "Next:",
        f"  keyferry serve --home {home}",
        f"  keyferry audit verify --expect-head {header.head}    once signed in",
    ]


def _root_from(file: Path, passphrase_file: Path | None) -> "RootKey":
    from keyferry.roots.copies import open_copy
    from keyferry.roots.passphrase_source import PassphraseSource

    source = PassphraseSource.for_option(passphrase_file, of_what=f"the root key in {file}", field="passphrase_file")
    return open_copy(file.absolute(), source)


def _root_of(home: Path | None) -> Any:
    settings = settings_of(home)
    from keyferry.roots.opening import open_root
    from keyferry.roots.passphrase_source import PassphraseSource

    return open_root(settings.root, settings.home, PassphraseSource.of(settings.root_passphrase_file))


def _warn_of(verified: "Verified", out: Output) -> None:
    if verified.findings and not out.as_json:
        warn(*verified.findings)


def _described(header: "Header") -> dict[str, Any]:
    return {
        "store_id": header.store_id,
        "schema": header.schema,
        "version": header.version,
        "created_at": _time(header.created_at),
        "audit_head": str(header.head),
        "counts": dict(header.counts),
    }


def _shown(header: "Header") -> dict[str, Any]:
    counts = header.counts
    named = {"keys": "keys", "key_versions": "versions", "users": "users", "groups": "groups", "exports": "exports"}
    holds = [f"{counts.get(table, 0):,} {name}" for table, name in named.items()]
    return {
        "Store": header.store_id,
        "Taken at": _time(header.created_at),
        "Made by": f"keyferry {header.version}, schema {header.schema}",
        "Holds": [*holds, f"{counts.get('audit_events', 0):,} audit events"],
        "Audit head": str(header.head),
    }


def _database(database_file: Path | None) -> str:
    return "SQLite" if database_file is None else "PostgreSQL"


def _time(at: int) -> str:
    from keyferry import clock

    return clock.to_rfc3339(at)
