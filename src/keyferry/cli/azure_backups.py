"""`keyferry azure backup`: the vault's own backup of a pushed key."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keyferry.cli.azure_places import Deployment, Looker, arrived, own_sign_in_option, place_of, where
from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.failures import Command
from keyferry.cli.files import require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote
from keyferry.errors import Conflict

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server


@click.command("backup", cls=Command)
@click.argument("reference", metavar="KEY|DEPLOYMENT")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", required=True, help="File to write.")
@own_sign_in_option
@signing_in
@remote
def backup(server: "Server", out: Output, azure: SignIn, reference: str, output: Path, own_sign_in: bool) -> None:
    """Take the vault's own backup of a pushed key, and record it.

    The file holds all versions of the key, encrypted by Azure; only vaults of the same subscription and geography
    restore it. Keep it: a key in Keyferry is no backup of the key in the vault. A file that exists is not written over.
    """
    require_writable(output, force=False)
    deployment, beside = _deployment(server, reference)
    with Looker(server, azure, own_sign_in=own_sign_in) as looker:
        if looker.by_server(deployment):
            done = _by_server(server, deployment, output)
        else:
            done = _from_here(server, looker, deployment, beside, output)
    record = done["backup"]
    rows = {
        "Key identifier": done["remote_identifier"],
        "SHA-256": record["sha256"],
        "Size": f"{record['bytes']} bytes",
        "Taken at": record["taken_at"],
    }
    document = {name: value for name, value in done.items() if name != "file"} | {"output": str(output)}
    out.facts(document, rows, head=f"The backup is in {output}, and on record.")


def _by_server(server: "Server", deployment: Deployment, output: Path) -> Deployment:
    """Have the server ask for the backup: it records it, and answers the file this once."""
    from keyferry.cli.azure_ledger import bytes_of

    with working("The vault backs the key up"):
        done: Deployment = server.post(path("deployments", str(deployment["id"]), "backups"))
    content = bytes_of(str(done["file"]))
    if hashlib.sha256(content).hexdigest() != done["backup"]["sha256"]:
        raise Conflict(
            "The backup's SHA-256 is not the one that the server recorded.",
            code="answer-refused",
            advice="Do not keep it. Take the backup again; if it happens again, have the server examined.",
        )
    write_whole(output, content, what="backup", force=False)
    return done


def _from_here(
    server: "Server", looker: Looker, deployment: Deployment, beside: Sequence[Deployment], output: Path
) -> Deployment:
    """Ask for the backup with this machine's sign-in; it is recorded once the file is written."""
    from keyferry import clock
    from keyferry.deployments.observing import take_backup

    with working("The vault backs the key up"):
        content = take_backup(looker.vault(deployment), looker.expected(deployment, beside))
    taken_at = clock.to_rfc3339(clock.now())
    write_whole(output, content, what="backup", force=False)
    told = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "taken_at": taken_at}
    done: Deployment = server.post(path("deployments", str(deployment["id"]), "backups"), told)
    return done


def _deployment(server: "Server", reference: str) -> tuple[Deployment, Sequence[Deployment]]:
    """The deployment that a deployment's id, or a key in only one place, stands for; and all of its key.

    Raises:
        Conflict: the key is in no place, or in several.
    """
    named = _by_id(server, reference)
    key = reference if named is None else str(named["key_id"])
    found = server.items(path("keys", key, "deployments"))
    if named is not None:
        return named, found
    newest = {place_of(each): each for each in sorted(found, key=lambda each: int(each["version"])) if arrived(each)}
    if len(newest) == 1:
        return next(iter(newest.values())), found
    if not newest:
        raise Conflict(
            "The key is in no vault that Keyferry knows of.",
            code="deployment-not-imported",
            field="reference",
            advice=f"Push it: keyferry azure push {reference} --vault NAME",
        )
    raise Conflict(
        f"The key is in {len(newest)} places.",
        field="reference",
        advice="Say which, by the deployment: "
        + "; ".join(f"{each['id']} is {where(each)}" for each in newest.values()),
    )


def _by_id(server: "Server", reference: str) -> Deployment | None:
    from keyferry.cli.connection import ServerRefused
    from keyferry.ids import is_id_shaped

    if not is_id_shaped(reference):
        return None
    try:
        found: Deployment = server.get(path("deployments", reference))
    except ServerRefused as refused:
        if refused.code == "not-found":  # it may be a key's id
            return None
        raise
    return found
