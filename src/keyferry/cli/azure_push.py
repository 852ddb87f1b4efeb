"""`keyferry azure push`: a key's way into a vault."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in, vault_option
from keyferry.cli.choices import AZURE_OPERATIONS, KEK_BITS, KEK_NAME
from keyferry.cli.failures import Command
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import path, remote
from keyferry.errors import InvalidInput

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server
    from keyferry.custody.deployment_steps import Step

CUSTOMER_KEY = ("wrapKey", "unwrapKey")


@click.command("push", cls=Command)
@click.argument("key", metavar="KEY")
@vault_option
@click.option("--name", metavar="NAME", required=True, help="The key's name in the vault.")
@click.option("--operation", "operations", type=click.Choice(AZURE_OPERATIONS), multiple=True, help="What it may do.")
@click.option("--for-customer-key", is_flag=True, help="Let it wrapKey and unwrapKey, as a Customer Key must.")
@click.option("--kek-name", metavar="NAME", default=KEK_NAME, show_default=True, help="The key encryption key's name.")
@click.option("--kek-bits", type=click.Choice(KEK_BITS), help="Its least size; else 3072, or that of a larger key.")
@click.option("--new-version", is_flag=True, help="Where the name is another key's, make ours its newest version.")
@click.option("--connection", metavar="NAME", help="Let the server push, through this connection.")
@signing_in
@remote
def push(
    server: "Server",
    out: Output,
    azure: SignIn,
    key: str,
    vault: str,
    name: str,
    operations: tuple[str, ...],
    for_customer_key: bool,
    kek_name: str,
    kek_bits: str | None,
    new_version: bool,
    connection: str | None,
) -> None:
    """Bring a key into a vault: wrapped, imported, read back, proved, each step recorded.

    A push that was stopped goes on where it was when the same command is given again.
    """
    wanted = _operations(operations, for_customer_key=for_customer_key)
    deployment = _planned(server, key, azure.vault_url(vault), name, wanted, connection)
    if connection is not None:
        with working("The server pushes the key"):
            done = server.post(path("deployments", str(deployment["id"]), "run"))
    else:
        done = _push_from_here(server, azure, deployment, kek_name, kek_bits, new_version=new_version)
    out.facts(done, _rows(done), head=f"The key is in {done['vault']}, and proved.")


def _operations(given: tuple[str, ...], *, for_customer_key: bool) -> list[str]:
    if given and for_customer_key:
        raise InvalidInput(
            "--operation and --for-customer-key say two things.", field="operation", advice="Give one of them."
        )
    return list(CUSTOMER_KEY if for_customer_key else given)


def _planned(
    server: "Server", key: str, vault: str, name: str, operations: list[str], connection: str | None
) -> Mapping[str, Any]:
    """The deployment of the key's current version at this place: the one that is under way or done, else a new one."""
    for found in server.items(path("keys", key, "deployments")):
        same_place = (str(found["vault"]).lower(), str(found["name"]).lower()) == (vault.lower(), name.lower())
        if same_place and found["version_is_current"] and found["abandoned_at"] is None:
            return found
    body = {"vault": vault, "name": name, "operations": operations, "connection": connection}
    made: Mapping[str, Any] = server.post(path("keys", key, "deployments"), body)
    return made


def _push_from_here(
    server: "Server",
    azure: SignIn,
    deployment: Mapping[str, Any],
    kek_name: str,
    kek_bits: str | None,
    *,
    new_version: bool,
) -> Mapping[str, Any]:
    from keyferry.cli.azure_ledger import RestLedger
    from keyferry.clouds.azure.vault import AzureVault
    from keyferry.deployments.push import Wishes
    from keyferry.deployments.push import push as walk

    ledger = RestLedger(server, str(deployment["id"]))
    with azure.session() as session:
        walk(
            ledger,
            AzureVault(session, str(deployment["vault"])),
            Wishes(kek_name=kek_name, kek_bits=None if kek_bits is None else int(kek_bits), new_version=new_version),
            progress=Told(),
        )
    return ledger.document()


class Told:
    """Tells of each step on standard error, as it is done."""

    def began(self, step: "Step") -> None:
        """Nothing is told before there is something to tell."""

    def done(self, step: "Step", what: str) -> None:
        """A line for the step."""
        click.echo(f"  {step.value:<10} {what}", err=True)

    def waiting(self, seconds: int, why: str) -> None:
        """The vault asks to wait."""
        click.echo(f"  waiting    {seconds} s: {why}", err=True)


def _rows(done: Mapping[str, Any]) -> dict[str, Any]:
    proof = done["evidence"].get("proved", {})
    return {
        "Deployment": done["id"],
        "Key identifier": done["remote_identifier"],
        "Key version": done["version"],
        "May": ", ".join(done["operations"]) or "what Azure allows unasked",
        "Proved by": proof.get("how"),
    }
