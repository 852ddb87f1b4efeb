"""`keyferry azure push`: a key's way into a vault; and `abandon`, for one that shall go no further."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_places import Deployment, Looker, drift_of, place_of, where
from keyferry.cli.azure_sign_in import SignIn, signing_in
from keyferry.cli.choices import AZURE_OPERATIONS, KEK_BITS, KEK_NAME
from keyferry.cli.failures import Command, WrongUsage
from keyferry.cli.output import Output, warn
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote
from keyferry.errors import Conflict

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server
    from keyferry.deployments.push import Wishes

CUSTOMER_KEY = ("wrapKey", "unwrapKey")
#: differences that mean that the vault has the key no longer
_GONE = {"missing", "deleted"}


class Operations(click.ParamType[list[str]]):
    """Azure's words for what a key may do, with commas between."""

    name = "operations"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """`value` as a list of operations; wrong usage otherwise."""
        found = [part.strip() for part in str(value).split(",")]
        if not set(found) <= set(AZURE_OPERATIONS):
            example = ",".join(CUSTOMER_KEY)
            self.fail(f"{str(value)!r} is no list such as {example} of {', '.join(AZURE_OPERATIONS)}.", param, ctx)
        return found


@click.command("push", cls=Command)
@click.argument("key", metavar="[KEY]", required=False)
@click.option("--vault", metavar="NAME|URL", help="The vault: its name, or its address https://HOST.")
@click.option("--name", metavar="NAME", help="The key's name in the vault; else its name here.")
@click.option(
    "--operations",
    "--operation",
    "operations",
    type=Operations(),
    multiple=True,
    metavar="OPS",
    help="What it may do there, such as sign,verify; else what Azure allows unasked.",
)
@click.option("--for-customer-key", is_flag=True, help="Let it wrapKey and unwrapKey, exactly as a Customer Key must.")
@click.option("--kek-name", metavar="NAME", default=KEK_NAME, show_default=True, help="The key encryption key's name.")
@click.option("--kek-bits", type=click.Choice(KEK_BITS), help="Its least size; else 3072, or that of a larger key.")
@click.option("--new-version", is_flag=True, help="Where the name is another key's, make ours its newest version.")
@click.option("--public-key-proof", is_flag=True, help="Compare public keys only; do not use the key in the vault.")
@click.option("--connection", metavar="NAME", help="Have the server push, through this connection.")
@click.option("--resume", metavar="ID", help="Go on with this deployment.")
@signing_in
@remote
def push(
    server: "Server",
    out: Output,
    azure: SignIn,
    key: str | None,
    vault: str | None,
    name: str | None,
    operations: tuple[list[str], ...],
    for_customer_key: bool,
    kek_name: str,
    kek_bits: str | None,
    new_version: bool,
    public_key_proof: bool,
    connection: str | None,
    resume: str | None,
) -> None:
    """Bring a key into a vault: wrapped, imported, read back and proved.

    Each step is recorded by itself. A push that was stopped, however, goes on where it was when the same command is
    given again; nothing is imported twice.
    """
    from keyferry.deployments.push import Wishes

    wishes = Wishes(
        kek_name=kek_name,
        kek_bits=None if kek_bits is None else int(kek_bits),
        new_version=new_version,
        by_use=not public_key_proof,
    )
    allowed = _allowed(operations, for_customer_key=for_customer_key)
    if resume is not None:
        if key is not None or vault is not None or name is not None or connection is not None or allowed:
            advice = "Give --resume ID, with nothing that says where to and for what."
            raise WrongUsage("--resume goes on with what was planned.", advice=advice)
        deployment = server.get(path("deployments", resume))
    elif key is None or vault is None:
        raise WrongUsage("A push needs KEY and --vault.", advice="Give both; or --resume ID.")
    else:
        url = azure.vault_url(vault)
        if connection is None:  # else the server knows where it may go
            azure.require_reachable(url)
        deployment = _deployment(server, azure, key, url, name, allowed, connection)
    _go_on(server, azure, deployment, wishes)
    _show(out, server.get(path("deployments", str(deployment["id"]))))


@click.command("abandon", cls=Command)
@click.argument("id_", metavar="DEPLOYMENT")
@remote
def abandon(server: "Server", out: Output, id_: str) -> None:
    """Give up a push that was stopped. What has been done stays done, and on record."""
    done = server.post(path("deployments", id_, "abandon"))
    rows = {"Key": done.get("key_name"), "To": where(done), "Was at": done.get("step")}
    out.facts(done, rows, head=f"Deployment {done.get('id')} is abandoned.")


def _allowed(given: Sequence[list[str]], *, for_customer_key: bool) -> list[str]:
    words = [word for words in given for word in words]
    if words and for_customer_key:
        raise WrongUsage("--operations and --for-customer-key say two things.", advice="Give one of them.")
    return list(CUSTOMER_KEY) if for_customer_key else words


def _deployment(
    server: "Server",
    azure: SignIn,
    key: str,
    vault: str,
    name: str | None,
    operations: list[str],
    connection: str | None,
) -> Deployment:
    """What to push: the deployment of the key's current version to this place that is there, or a new one.

    One that is finished is looked at, as the key may have gone from the vault since; then it is pushed anew.
    """
    from keyferry.byok.azure import azure_name

    found = server.get(path("keys", key))
    id_, wanted_name = str(found["id"]), name or azure_name(str(found.get("name") or f"key-{found['id']}"))
    known: list[Deployment] = list(server.items(path("keys", id_, "deployments")))
    place = (vault.rstrip("/").lower(), wanted_name.lower())
    here = [
        each
        for each in known
        if each["version_is_current"] and each["abandoned_at"] is None and place_of(each) == place
    ]
    for each in sorted(here, key=lambda each: not each["live"]):
        if each["live"] or _still_there(server, azure, each, known):
            _require_same(each, operations, connection)
            return each
    body = {"vault": vault, "name": wanted_name, "operations": operations, "connection": connection}
    made: Deployment = server.post(path("keys", id_, "deployments"), body)
    return made


def _still_there(server: "Server", azure: SignIn, deployment: Deployment, known: Sequence[Deployment]) -> bool:
    with Looker(server, azure) as looker, working("Looking into the vault"):
        seen = looker.look(deployment, known)
    return not any(each["difference"] in _GONE for each in drift_of(seen))


def _require_same(deployment: Deployment, operations: list[str], connection: str | None) -> None:
    """
    Raises:
        Conflict: (`deployment-exists`) what is there was planned otherwise.
    """
    advice = f"Go on with it: keyferry azure push --resume {deployment['id']}"
    if deployment["live"]:
        advice += f". Or give it up first: keyferry azure abandon {deployment['id']}"
    if operations and set(operations) != set(deployment["operations"]):
        planned = ", ".join(deployment["operations"]) or "what Azure allows unasked"
        detail = f"A push of this version to this place was planned with other operations: {planned}."
        raise Conflict(detail, code="deployment-exists", field="operations", advice=advice)
    if deployment["live"] and connection != deployment["connection"]:
        through = f"through the connection {deployment['connection']}" if deployment["connection"] else "by a client"
        detail = f"A push of this version to this place is under way, {through}."
        raise Conflict(detail, code="deployment-exists", field="connection", advice=advice)


def _go_on(server: "Server", azure: SignIn, deployment: Deployment, wishes: "Wishes") -> None:
    if deployment["connection"] is None:
        from keyferry.cli.azure_walk import push_from_here

        push_from_here(server, azure, deployment, wishes)
        return
    if not deployment["live"]:
        return
    body = {
        "kek_name": wishes.kek_name,
        "kek_bits": wishes.kek_bits,
        "new_version": wishes.new_version,
        "public_key_proof": not wishes.by_use,
    }
    with working(f"The server pushes the key through {deployment['connection']}"):
        server.post(path("deployments", str(deployment["id"]), "run"), body)


def _show(out: Output, done: Deployment) -> None:
    evidence = done["evidence"]
    back, proof = evidence.get("read-back", {}), evidence.get("proved", {})
    how = proof.get("how")
    size = back.get("curve") or f"{back.get('bits')} bits"
    rows = {
        "Deployment": done["id"],
        "Key": done["key_name"],
        "Version": done["version"],
        "Key identifier": done["remote_identifier"],
        "Type": f"{back.get('type')}, {size}",
        "May": back.get("operations"),
        "Recovery level": back.get("recovery_level"),
        "SPKI SHA-256": back.get("spki_sha256"),
        "Wrapped under": done["kek_identifier"],
        "Proved by": how if proof.get("algorithm") is None else f"use: {how} ({proof['algorithm']})",
        "Backed up": (done.get("backup") or {}).get("taken_at"),
    }
    out.facts(done, rows, head=f"The key is in the vault: {where(done)}.")
    drifts = drift_of(done)
    if not out.as_json:
        warn(*(f"{each['detail']} {each['advice']}" for each in drifts))
        if done.get("backup") is None:
            out.say()
            out.say("Take the vault's own backup of it now:")
            out.say(f"  keyferry azure backup {done['id']} --output FILE")
    if drifts:
        click.get_current_context().exit(1)
