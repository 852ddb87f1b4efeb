"""`keyferry workload`: programs that present a trusted issuer's token, and whom they act as."""

from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import Group
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote
from keyferry.identity.claims import read_claim

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

_COLUMNS = {
    "ID": "id",
    "NAME": "name",
    "ISSUER": "issuer",
    "SUBJECT": "subject",
    "USER": "user",
    "UNTIL": "expires_at",
    "REVOKED": "revoked_at",
}


@click.group("workload", cls=Group)
def workload() -> None:
    """Programs that present an issuer's token, and whom they act as."""


@workload.command("create")
@click.argument("name", metavar="NAME")
@click.option("--issuer", required=True, metavar="ID", help="The trusted issuer.")
@click.option("--subject", required=True, metavar="TEXT", help="What `sub` must say, to the letter.")
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=VALUE",
    help="What a further claim must say, to the letter; NAME:=VALUE for true, false or a number. May be repeated.",
)
@click.option("--user", required=True, metavar="NAME", help="The user that it acts as.")
@click.option(
    "--allow-network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="A network that it may call from; may be repeated. Without any: from everywhere that the user may.",
)
@click.option("--expires", metavar="TIME", help="When the binding ends, such as 2030-01-31T12:00:00Z.")
@remote
def create(
    server: "Server",
    out: Output,
    name: str,
    issuer: str,
    subject: str,
    claims: tuple[str, ...],
    user: str,
    networks: tuple[str, ...],
    expires: str | None,
) -> None:
    """Let a subject of an issuer act as a user."""
    body = {
        "name": name,
        "issuer": issuer,
        "subject": subject,
        "claims": dict(read_claim(each, field="claim") for each in claims),
        "user": user,
        "networks": list(networks) or None,
        "expires_at": expires,
    }
    _show(out, server.create("/workloads", body), f"Tokens of {issuer} for {subject} now stand for {user}.")


@workload.command("list")
@click.option("--user", metavar="NAME", help="Whose; everybody's that you may see without it.")
@limit_option
@remote
def list_workloads(server: "Server", out: Output, user: str | None, limit: int | None) -> None:
    """List bindings, revoked and expired ones included."""
    out.table(server.items("/workloads", limit=limit, user=user), _COLUMNS, none="There are no workloads.")


@workload.command("show")
@click.argument("id_", metavar="ID")
@remote
def show(server: "Server", out: Output, id_: str) -> None:
    """Show a binding."""
    found = server.get(path("workloads", id_))
    _show(out, found, str(found.get("name")))


@workload.command("revoke")
@click.argument("id_", metavar="ID")
@remote
def revoke(server: "Server", out: Output, id_: str) -> None:
    """End a binding at once."""
    server.delete(path("workloads", id_))
    out.facts({"id": id_, "revoked": True}, {}, head=f"Workload {id_} is revoked.")


def _show(out: Output, found: dict[str, Any], head: str) -> None:
    claims = found.get("claims") or {}
    rows = {
        "Id": found.get("id"),
        "Issuer": found.get("issuer"),
        "Subject": found.get("subject"),
        "Claims": ", ".join(f"{name}={value}" for name, value in claims.items()) or None,
        "User": found.get("user"),
        "Networks": ", ".join(found.get("networks") or ()) or None,
        "Until": found.get("expires_at"),
        "Revoked": found.get("revoked_at"),
    }
    out.facts(found, rows, head=head)
