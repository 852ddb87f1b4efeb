"""Commands on the machine that holds the home: init, serve, status, upgrade."""

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Command, WrongUsage
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import json_option

if TYPE_CHECKING:  # the server's rooms are loaded when a command runs, not when its help is shown
    from keyferry.config.settings import Settings
    from keyferry.installation import Initialised

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The home; else KEYFERRY_HOME, else ~/.local/share/keyferry.",
)


@click.command("init", cls=Command)
@home_option
@click.option("--admin", metavar="NAME", help="The first Administrator; else `serve` prints a set-up link.")
@click.option("--password-file", metavar="FILE", help="File with the Administrator's password; - for stdin.")
@click.option("--root", metavar="URI", help="Root of trust: file:PATH or passphrase:PATH.")
@click.option(
    "--database-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File that holds a PostgreSQL URL; else SQLite in the home.",
)
@json_option
def init(
    home: Path | None,
    admin: str | None,
    password_file: str | None,
    root: str | None,
    database_file: Path | None,
    as_json: bool,
) -> None:
    """Make a home: store, root key, TLS certificate, first Administrator."""
    if admin is None and password_file is not None:
        raise WrongUsage(
            "A password was given, and no name.",
            advice="Give --admin NAME too, or neither: then `keyferry serve` prints a link to set the first one up.",
        )
    from keyferry.cli.secret_input import read_secret
    from keyferry.config.sources import resolve_home
    from keyferry.installation import initialise

    password = None
    if admin is not None:
        password = read_secret(password_file, what="password", field="password_file", confirm=True)
    with working("Making the home"):
        made = initialise(
            resolve_home(home),
            admin=admin,
            password=password,
            root=root,
            database_file=None if database_file is None else database_file.absolute(),
        )
    out = Output(as_json=as_json)
    rows = {
        "Store": f"{made.store_id} ({made.database})",
        "Root of trust": made.root,
        "Root's fingerprint": made.root_fingerprint,
        "Administrator": made.administrator or "none yet: `keyferry serve` prints a link to set one up",
        "CA file": made.ca_file,
        "CA's fingerprint": made.ca_fingerprint,
    }
    out.facts(_made(made), rows, head=f"Keyferry is set up in {made.home}")
    out.say()
    for line in _what_next(made):
        out.say(line)


@click.command("serve", cls=Command)
@home_option
@click.option("--listen", metavar="HOST:PORT", help="Address and port; else the setting, else 127.0.0.1:8420.")
@click.option(
    "--listen-mtls",
    metavar="HOST:PORT",
    help="A second address, where clients may come with a certificate; else the setting, else none.",
)
def serve(home: Path | None, listen: str | None, listen_mtls: str | None) -> None:
    """Serve REST and the console from a home."""
    settings = settings_of(home, listen, listen_mtls)
    gc.disable()  # loading makes much and drops little, and the collector would look through it all again and again
    from keyferry.server import serve as run

    run(settings)


@click.command("status", cls=Command)
@home_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Show what a home holds and what is sealed."""
    settings = settings_of(home)
    from keyferry.status import status as look

    found = look(settings)
    rows = {name.replace("_", " ").capitalize(): value for name, value in found.items()}
    rows["Pool"] = [f"{each['ready']} of {each['size']} {name}" for name, each in found["pool"].items()] or "off"
    rows["Jobs"] = None if found["jobs"] else "none: no server runs"
    last = found["last_backup"]
    rows["Last backup"] = "never" if last is None else f"{last['taken_at']}, {last['file']}, head {last['head']}"
    out = Output(as_json=as_json)
    out.facts(found, rows, head=f"Keyferry in {settings.home}")
    if found["jobs"] and not as_json:
        out.say()
        out.table([_job(each) for each in found["jobs"]], _JOB_COLUMNS, none="")


_JOB_COLUMNS = {"JOB": "name", "ON": "on", "LAST": "last_at", "NEXT": "next_at", "LAST FAILURE": "failed"}


def _job(job: dict[str, Any]) -> dict[str, Any]:
    """A periodic work as a row of a table."""
    failed = f"{job['failed_at']}: {job['failure']}" if job["failed_at"] else None
    next_at = job["next_at"] if job["alive"] else "the process is gone"
    return {**job, "on": f"{job['host']} ({job['node'][-12:]})", "next_at": next_at, "failed": failed}


@click.command("upgrade", cls=Command)
@home_option
@json_option
def upgrade(home: Path | None, as_json: bool) -> None:
    """Bring a home's store to this version's schema."""
    settings = settings_of(home)
    from keyferry.installation import upgrade_store

    with working("Upgrading the store"):
        revision = upgrade_store(settings)
    document = {"home": str(settings.home), "schema": revision}
    Output(as_json=as_json).facts(document, {"Schema": revision}, head=f"The store in {settings.home} is up to date.")


def settings_of(home: Path | None, listen: str | None = None, listen_mtls: str | None = None) -> "Settings":
    """The settings of the home that was named, or of the default one."""
    from keyferry.config.sources import load_settings, resolve_home

    given = {"listen": listen, "listen_mtls": listen_mtls}
    return load_settings(resolve_home(home), given={name: each for name, each in given.items() if each is not None})


def _made(made: "Initialised") -> dict[str, Any]:
    return {
        "home": str(made.home),
        "store_id": made.store_id,
        "database": made.database,
        "root": made.root,
        "root_fingerprint": made.root_fingerprint,
        "ca_file": str(made.ca_file),
        "ca_fingerprint": made.ca_fingerprint,
        "administrator": made.administrator,
    }


def _what_next(made: "Initialised") -> list[str]:
    """What to back up, and the next two commands."""
    if made.root.startswith("file:"):
        key = made.home / made.root.removeprefix("file:")
        root = f"  {key}    apart from the rest: who has both can read every key"
    else:
        root = "  the root's passphrase    apart from the rest: without it no key can be read"
    then = f"  keyferry login --server https://127.0.0.1:8420 --ca-file {made.ca_file} --user {made.administrator}"
    if made.administrator is None:
        then = "and open the link that it prints, in a browser on this machine: it makes the first Administrator."
    store = "the PostgreSQL database" if made.database == "PostgreSQL" else str(made.home)
    return [
        "Back up:",
        root,
        f"  {store}    without the root key",
        "with these, onto another medium each, the first once and the second each day:",
        f"  keyferry root export FILE --home {made.home}",
        f"  keyferry backup create FILE --home {made.home}",
        "",
        "Next:",
        f"  keyferry serve --home {made.home}",
        then,
    ]
