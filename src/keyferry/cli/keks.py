"""`keyferry kek`: key encryption keys that exports accept."""

from typing import TYPE_CHECKING

import click

from keyferry.cli.choices import DESTINATIONS
from keyferry.cli.failures import Group
from keyferry.cli.files import read_public_key
from keyferry.cli.output import Output
from keyferry.cli.remote import limit_option, path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server


@click.group("kek", cls=Group)
def kek() -> None:
    """Key encryption keys that exports accept."""


@kek.command("register")
@click.option("--to", "destination", type=click.Choice(DESTINATIONS), required=True, help="Whose key it is.")
@click.option("--public-key", metavar="KEK.pem", required=True, help="Its public key, as the vault hands it out.")
@click.option("--key-identifier", metavar="KID", required=True, help="Its key identifier, with version.")
@remote
def register(server: "Server", out: Output, destination: str, public_key: str, key_identifier: str) -> None:
    """Record whose public key a key identifier names, and let exports use it."""
    body = {"destination": destination, "key_identifier": key_identifier, "public_key": read_public_key(public_key)}
    made = server.post("/keks", body)
    rows = {
        "Id": made.get("id"),
        "Key identifier": made.get("key_identifier"),
        "SPKI SHA-256": made.get("spki_sha256"),
        "Size": f"{made.get('bits')} bits",
    }
    out.facts(made, rows, head="The key encryption key is registered.")


@kek.command("list")
@limit_option
@remote
def list_keks(server: "Server", out: Output, limit: int | None) -> None:
    """List every key identifier that a public key is bound to."""
    columns = {
        "KEY IDENTIFIER": "key_identifier",
        "BITS": "bits",
        "SPKI SHA-256": "spki_sha256",
        "REGISTERED": "registered",
        "SOURCE": "source",
    }
    out.table(server.items("/keks", limit=limit), columns, none="There are no key encryption keys.")


@kek.command("unregister")
@click.argument("reference", metavar="ID|KID")
@remote
def unregister(server: "Server", out: Output, reference: str) -> None:
    """Withdraw a registration; the identifier stays bound to its public key."""
    id_ = _id_of(server, reference)
    server.delete(path("keks", id_))
    out.facts({"id": id_, "registered": False}, {}, head="The key encryption key is no longer registered.")


def _id_of(server: "Server", reference: str) -> str:
    """The id of the key encryption key that an id or a key identifier stands for."""
    from keyferry.byok.identifier import parse_key_identifier
    from keyferry.errors import NotFound
    from keyferry.ids import is_id_shaped

    if is_id_shaped(reference):
        return reference
    canonical = parse_key_identifier(reference).canonical
    for found in server.items("/keks"):
        if found.get("key_identifier") == canonical:
            return str(found["id"])
    advice = "`keyferry kek list` shows those that there are."
    raise NotFound("No public key is bound to this key identifier.", field="reference", advice=advice)
