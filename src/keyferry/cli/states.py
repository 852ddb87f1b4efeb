"""The commands of `keyferry key` that change a state: activate, deactivate, rotate, promote, revoke, destroy."""

import sys
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import REASONS
from keyferry.cli.failures import Command, WrongUsage
from keyferry.cli.key_facts import deployments, owner, rows, title
from keyferry.cli.output import Output, plain, warn
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_id = click.argument("id_", metavar="ID")
_version = click.option(
    "--version", type=click.IntRange(min=1), metavar="N", help="Of this version; else the current one."
)


@click.command("activate", cls=Command)
@_id
@_version
@remote
def activate(server: "Server", out: Output, id_: str, version: int | None) -> None:
    """Make a pre-active version active, now."""
    changed = server.post(path("keys", id_, "activate"), {"version": version})
    _tell(out, changed, "is active")


@click.command("deactivate", cls=Command)
@_id
@_version
@remote
def deactivate(server: "Server", out: Output, id_: str, version: int | None) -> None:
    """Stop an active version from protecting anything further."""
    changed = server.post(path("keys", id_, "deactivate"), {"version": version})
    _tell(out, changed, "is deactivated")


@click.command("rotate", cls=Command)
@_id
@click.option("--pre-active", is_flag=True, help="Make it pre-active, and go on with the version that is current.")
@remote
def rotate(server: "Server", out: Output, id_: str, pre_active: bool) -> None:
    """Generate a new version and make it the current one; earlier ones keep their state."""
    with working("Generating a new version"):
        changed = server.create(path("keys", id_, "versions"), {"activated": False if pre_active else None})
    _tell(out, changed, "is pre-active: activate and promote it" if pre_active else "is the current one")


@click.command("promote", cls=Command)
@_id
@click.option("--version", type=click.IntRange(min=1), metavar="N", required=True, help="The one to make current.")
@remote
def promote(server: "Server", out: Output, id_: str, version: int) -> None:
    """Make an active version the current one, which the key protects with from now on."""
    changed = server.post(path("keys", id_, "promote"), {"version": version})
    _tell(out, changed, "is the current one")


@click.command("revoke", cls=Command)
@_id
@click.option("--reason", type=click.Choice(REASONS), required=True, help="Why; key-compromise makes it compromised.")
@click.option("--message", metavar="TEXT", help="What is known about it.")
@_version
@remote
def revoke(server: "Server", out: Output, id_: str, reason: str, message: str | None, version: int | None) -> None:
    """Revoke a version: compromised for a compromise, deactivated for any other reason."""
    body = {"reason": reason, "message": message, "version": version}
    changed = server.post(path("keys", id_, "revoke"), body)
    _tell(out, changed, f"is {changed.get('state')}")


@click.command("destroy", cls=Command)
@_id
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="This version alone; else all of them.")
@click.option("--cancel", is_flag=True, help="Call a pending destruction off.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote
def destroy(server: "Server", out: Output, id_: str, version: int | None, cancel: bool, yes: bool) -> None:
    """Ask for a key's destruction; the material is erased when the pending period is over."""
    from keyferry.ids import is_id_shaped

    if cancel:
        changed = server.post(path("keys", id_, "cancel-destruction"), {"version": version})
        _tell(out, changed, f"is {changed.get('state')} again; its destruction was called off")
        return
    asks = not yes and not is_id_shaped(id_)
    found = server.get(path("keys", id_))
    if asks and not is_interactive():
        raise WrongUsage(
            "A destruction by name has to be confirmed, and there is no terminal to ask on.",
            advice="Add --yes, or give the key's id.",
        )
    _warn_of_vaults(server, str(found["id"]), version)
    if asks:
        _confirm(found, version)
    id_ = str(found["id"])
    changed = server.post(path("keys", id_, "destroy"), {"version": version})
    _tell(out, changed, f"is to be destroyed at {changed.get('destroy_at')}")


def is_interactive() -> bool:
    """Whether there is a person to ask."""
    return sys.stdin.isatty()


def _warn_of_vaults(server: "Server", key_id: str, version: int | None) -> None:
    """Say which vaults hold what is to be destroyed here."""
    for each in deployments(server, key_id):
        if each.get("remote_identifier") and version in {None, each.get("version")}:
            warn(f"{each['remote_identifier']} stays as it is: it is version {each['version']} of this key.")


def _confirm(found: dict[str, Any], version: int | None) -> None:
    """Show which key a name stands for, and ask."""
    what = "all versions" if version is None else f"version {version}"
    question = f"Destroy {what} of {title(found)}, {found.get('type')}, owned by {owner(found)}?"
    click.confirm(plain(question), abort=True, err=True)


def _tell(out: Output, changed: dict[str, Any], what: str) -> None:
    out.facts(changed, rows(changed), head=f"Version {changed.get('version')} of key {title(changed)} {what}.")


COMMANDS = (activate, deactivate, rotate, promote, revoke, destroy)
