"""`keyferry certificate authority`: who issues client certificates, and whose certificates end."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group, WrongUsage
from keyferry.cli.output import Output
from keyferry.cli.remote import path, remote
from keyferry.cli.states import is_interactive

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "ISSUES": "issues",
    "IN FORCE": "certificates_in_force",
    "CREATED": "created_at",
    "UNTIL": "expires_at",
    "RETIRED": "retired_at",
}


@click.group("authority", cls=Group)
def authority() -> None:
    """The authorities that issue client certificates."""


@authority.command("list")
@remote
def list_authorities(server: "Server", out: Output) -> None:
    """List them, the oldest first; the newest issues."""
    none = "There are none: the first is made when a certificate is issued."
    out.table(_all(server), _COLUMNS, none=none)


@authority.command("rotate")
@remote
def rotate(server: "Server", out: Output) -> None:
    """Make another, which issues from now on; earlier certificates hold as before."""
    made = server.post("/certificate-authorities")
    rows = {"Id": made.get("id"), "Fingerprint": made.get("fingerprint"), "Until": made.get("expires_at")}
    out.facts(made, rows, head=f"{made.get('name')} issues from now on.")
    out.warn(["Where a proxy knows the authority of client certificates, give it the new one, too."])


@authority.command("retire")
@click.argument("id_", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote
def retire(server: "Server", out: Output, id_: str, yes: bool) -> None:
    """End every certificate that an earlier authority has issued, at once."""
    if not yes:
        found = next((each for each in _all(server) if each.get("id") == id_), None)
        if found is not None:  # else the server says that there is none
            _ask(str(found.get("name")), int(found.get("certificates_in_force", 0)))
    done = server.post(path("certificate-authorities", id_, "retire"))
    rows = {"Certificates that ended": done.get("ended_certificates")}
    out.facts(done, rows, head=f"{done.get('name')} is retired.")


def _ask(name: str, ends: int) -> None:
    """
    Raises:
        WrongUsage: nobody can be asked, or the answer is another name.
    """
    if not is_interactive():
        raise WrongUsage(f"Retiring {name!r} ends {ends} certificates.", advice="Add --yes.")
    typed = click.prompt(f"This ends {ends} certificates. Type the authority's name, {name}", err=True)
    if typed != name:
        raise WrongUsage("That is another name: nothing was done.", advice="Type it as it is shown.")


def _all(server: "Server") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/certificate-authorities").get("items", [])
    return found
