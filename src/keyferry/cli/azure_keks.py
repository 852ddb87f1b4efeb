"""`keyferry azure kek`: key encryption keys in a vault."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.azure_sign_in import SignIn, signing_in, vault_option
from keyferry.cli.choices import KEK_BITS, KEK_NAME
from keyferry.cli.failures import Group
from keyferry.cli.files import require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import json_option

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.deployments.kek import Kek

_name = click.option("--name", metavar="NAME", default=KEK_NAME, show_default=True, help="Its name in the vault.")


@click.group("kek", cls=Group)
def kek() -> None:
    """Key encryption keys in a vault."""


@kek.command("create")
@vault_option
@_name
@click.option(
    "--bits", type=click.Choice(KEK_BITS), default=KEK_BITS[1], show_default=True, help="Its size, at the least."
)
@signing_in
@json_option
def create(azure: SignIn, vault: str, name: str, bits: str, as_json: bool) -> None:
    """Make a key encryption key (RSA-HSM, for import alone), unless a fit one is there."""
    from keyferry.clouds.azure.vault import AzureVault
    from keyferry.deployments.kek import ready_kek

    with azure.session() as session, working("Making the key encryption key"):
        found = ready_kek(AzureVault(session, azure.vault_url(vault)), name, int(bits))
    head = "The key encryption key was made." if found.made else "A fit key encryption key is there already."
    Output(as_json=as_json).facts(_document(found), _rows(found), head=head)


@kek.command("download")
@vault_option
@_name
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE.pem", required=True, help="File to write.")
@click.option("--force", is_flag=True, help="Write over an existing output.")
@signing_in
@json_option
def download(azure: SignIn, vault: str, name: str, output: Path, force: bool, as_json: bool) -> None:
    """Write a key encryption key's public key as PEM, and print its key identifier."""
    from keyferry.clouds.azure.vault import AzureVault
    from keyferry.deployments.kek import existing_kek

    require_writable(output, force=force)
    with azure.session() as session, working("Reading the key encryption key"):
        found = existing_kek(AzureVault(session, azure.vault_url(vault)), name)
    write_whole(output, found.pem, what="public key", force=force)
    out = Output(as_json=as_json)
    document = _document(found) | {"output": str(output)}
    out.facts(document, _rows(found), head=f"The public key is in {output}.")
    out.say()
    out.say("Export a key under it with:")
    out.say(
        f"  keyferry key export KEY --to azure --public-key {output} --key-identifier {found.identifier} "
        "--output KEY.byok"
    )


def _document(found: "Kek") -> dict[str, Any]:
    return {
        "key_identifier": found.identifier,
        "bits": found.bits,
        "spki_sha256": found.spki_sha256,
        "public_key": found.pem.decode("ascii"),
        "made": found.made,
    }


def _rows(found: "Kek") -> dict[str, Any]:
    return {
        "Key identifier": found.identifier,
        "Size": f"{found.bits} bits",
        "SPKI SHA-256": found.spki_sha256,
    }
