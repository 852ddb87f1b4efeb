"""`keyferry azure backup`: the vault's own backup of a pushed key."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.failures import Command
from keyferry.cli.files import require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote
from keyferry.errors import Conflict, NotFound
from keyferry.ids import is_id_shaped

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server


@click.command("backup", cls=Command)
@click.argument("reference", metavar="KEY|DEPLOYMENT")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", required=True, help="File to write.")
@signing_in
@remote
def backup(server: "Server", out: Output, azure: SignIn, reference: str, output: Path) -> None:
    """Have the vault back a pushed key up, write the file, and record when, its SHA-256 and its size.

    Only the same subscription's vaults in the same geography can restore it. Keep it: a key in Keyferry is no backup of
    the key in the vault.
    """
    require_writable(output, force=False)
    deployment = _deployment(server, reference)
    with working("The vault backs the key up"):
        content = _taken(server, azure, deployment)
    write_whole(output, content, what="backup", force=False)
    done = server.get(path("deployments", str(deployment["id"])))
    rows = {"Key identifier": done["remote_identifier"], "SHA-256": done["backup"]["sha256"], "Size": len(content)}
    out.facts(done | {"output": str(output)}, rows, head=f"The backup is in {output}, and on record.")


def _taken(server: "Server", azure: SignIn, deployment: Mapping[str, Any]) -> bytes:
    """The vault's file, recorded."""
    target = path("deployments", str(deployment["id"]), "backups")
    if deployment["connection"] is not None:
        from keyferry.cli.azure_ledger import bytes_of

        return bytes_of(str(server.post(target)["file"]))
    from keyferry import clock
    from keyferry.clouds.azure.vault import AzureVault

    with azure.session() as session:
        content = AzureVault(session, str(deployment["vault"])).backup(str(deployment["name"]))
    told = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "taken_at": clock.to_rfc3339(clock.now()),
    }
    server.post(target, told)
    return content


def _deployment(server: "Server", reference: str) -> Mapping[str, Any]:
    """The deployment with this id, or the only one of this key that has arrived.

    Raises:
        Conflict: there is none, or there are several.
    """
    if is_id_shaped(reference):
        with suppress(NotFound):
            deployment: Mapping[str, Any] = server.get(path("deployments", reference))
            return deployment
    found = server.items(path("keys", reference, "deployments"))
    arrived = [each for each in found if each["remote_identifier"] is not None and each["abandoned_at"] is None]
    if len(arrived) != 1:
        places = "; ".join(f"{each['id']} at {each['vault']}" for each in arrived) or "none"
        raise Conflict(
            f"The key is in {len(arrived)} places that Keyferry knows of: {places}.",
            field="reference",
            advice="Push it with `keyferry azure push`, or name one deployment by its id.",
        )
    return arrived[0]
