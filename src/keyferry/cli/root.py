"""`keyferry root`: save the root key apart, put another in its place. For the machine that holds the home."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyferry.cli.advance import advancing
from keyferry.cli.failures import Command, Group, WrongUsage
from keyferry.cli.local import home_option, settings_of
from keyferry.cli.output import Output, warn
from keyferry.cli.progress import working
from keyferry.cli.remote import json_option

if TYPE_CHECKING:  # (as in local.py)
    from keyferry.installation import Installation
    from keyferry.roots.passphrase_source import PassphraseSource

_path = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group, help="The root of trust: save it apart, and put another in its place.")
def root() -> None:
    """The root of trust: save it apart, and put another in its place."""


@root.command("export", cls=Command, help="Save the root key into a new file, under a passphrase.")
@click.argument("file", type=_path)
@home_option
@click.option(
    "--passphrase-file", type=_path, metavar="FILE", help="File with the new passphrase; else it is asked for."
)
@json_option
def export(file: Path, home: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Save the root key into a new file, under a passphrase."""
    from keyferry.root_change import export as save

    installation = _open(home)
    try:
        save(installation, file.absolute(), _new(passphrase_file, f"the root key in {file}", "passphrase_file"))
    finally:
        installation.close()
    out = Output(as_json=as_json)
    document = {"file": str(file), "root_fingerprint": installation.root_fingerprint}
    out.facts(document, {"Root's fingerprint": installation.root_fingerprint}, head=f"The root key is saved in {file}")
    out.say()
    out.say("With it and the passphrase, a backup opens; keep the two apart from each other and from the backups.")
    out.say("Try it now, while there is another:")
    out.say(f"  keyferry backup verify BACKUP --root-file {file}")


@root.command(
    "rotate", cls=Command, help="Make a new root key, or with --data-keys a new data key; also while serving."
)
@home_option
@click.option(
    "--root", "uri", metavar="URI", help="The new root: file:PATH or passphrase:PATH; else as the old, beside it."
)
@click.option("--passphrase-file", type=_path, metavar="FILE", help="File with the new root's passphrase.")
@click.option("--data-keys", is_flag=True, help="Make a new data key, and put every key under it; the root stays.")
@json_option
def rotate(home: Path | None, uri: str | None, passphrase_file: Path | None, data_keys: bool, as_json: bool) -> None:
    """Make a new root key, or with --data-keys a new data key; also while serving."""
    if data_keys and (uri is not None or passphrase_file is not None):
        raise WrongUsage(
            "--data-keys changes the data key and leaves the root as it is.",
            advice="Run root rotate twice: first with --root, then with --data-keys alone.",
        )
    installation = _open(home)
    try:
        if data_keys:
            _rotate_data_keys(installation, Output(as_json=as_json))
        else:
            _rotate_root(installation, uri, passphrase_file, Output(as_json=as_json))
    finally:
        installation.close()


@root.command("passphrase", cls=Command, help="Put the root key under another passphrase.")
@home_option
@click.option(
    "--new-passphrase-file", type=_path, metavar="FILE", help="File with the new passphrase; else it is asked for."
)
@json_option
def passphrase(home: Path | None, new_passphrase_file: Path | None, as_json: bool) -> None:
    """Put the root key under another passphrase."""
    from keyferry.root_change import change_passphrase
    from keyferry.roots.passphrase_source import PassphraseSource

    installation = _open(home)
    settings = installation.settings
    try:
        file = change_passphrase(
            installation,
            PassphraseSource.of(settings.root_passphrase_file),
            _new(new_passphrase_file, "the root of trust", "new_passphrase_file"),
        )
    finally:
        installation.close()
    out = Output(as_json=as_json)
    document = {"file": str(file), "root_fingerprint": installation.root_fingerprint}
    out.facts(document, {"Root's fingerprint": installation.root_fingerprint}, head=f"{file} has its new passphrase.")
    if settings.root_passphrase_file is not None:
        out.say()
        out.say("The next start needs the new passphrase where it looks for it; put it there now:")
        out.say(f"  {settings.root_passphrase_file}")
    out.say("Older copies of that file, in backups of the home, still open with the old passphrase.")


def _rotate_root(installation: "Installation", uri: str | None, passphrase_file: Path | None, out: Output) -> None:
    from keyferry.root_change import change_root

    with working("Changing the root of trust"):
        changed = change_root(installation, uri=uri, passphrase_file=passphrase_file)
    document = {
        "root": changed.uri,
        "root_fingerprint": changed.now,
        "old_root_fingerprint": changed.was,
        "old_root_file": None if changed.old_file is None else str(changed.old_file),
        "continued": changed.continued,
    }
    rows = {
        "Root of trust": changed.uri,
        "Root's fingerprint": changed.now,
        "Old root's fingerprint": changed.was,
        "Old root's file": changed.old_file,
    }
    head = "The store is under its new root of trust."
    if changed.continued:
        head = "A change of root that was cut off is now done; run this again for a further one."
    out.facts(document, rows, head=head)
    home = installation.settings.home
    out.say()
    out.say(
        "Save the new root key, and keep the old one for as long as you keep backups from before: they open with it."
    )
    out.say(f"  keyferry root export FILE --home {home}")
    out.say(f"  keyferry backup create FILE --home {home}")
    if installation.settings.database_file is not None:
        out.say("Give the new root, and the setting root, to the home of every other node before it is started again.")
    out.say(
        "If the old root key may be in other hands, whoever had it and the store has the data key: change that too."
    )
    out.say(f"  keyferry root rotate --data-keys --home {home}")


def _rotate_data_keys(installation: "Installation", out: Output) -> None:
    from keyferry.custody.resealing import Resealing

    with advancing() as show:
        done = Resealing(installation.store, installation.sealer, installation.root).run(
            lambda count, of: show("Sealing anew", count, of)
        )
    document = {
        "generation": done.generation,
        "rows": done.rows,
        "findings": list(done.findings),
        "continued": done.continued,
    }
    head = "Everything that is kept is under the new data key."
    if done.findings:
        head = "Everything that verifies is under the new data key; what does not was left as it is."
    elif done.continued:
        head = "An earlier change of the data key was cut off; now everything is under that one."
    out.facts(document, {"Data key": f"generation {done.generation}", "Rows sealed anew": f"{done.rows:,}"}, head=head)
    if done.findings:
        if not out.as_json:
            warn(*done.findings)
        raise SystemExit(1)
    out.say()
    out.say("Backups from before are under the older data key. Make a new one:")
    out.say(f"  keyferry backup create FILE --home {installation.settings.home}")


def _open(home: Path | None) -> "Installation":
    settings = settings_of(home)
    from keyferry.installation import open_installation

    return open_installation(settings)


def _new(file: Path | None, of_what: str, field: str) -> "PassphraseSource":
    from keyferry.roots.passphrase_source import PassphraseSource

    return PassphraseSource.for_option(file, of_what=of_what, field=field)
