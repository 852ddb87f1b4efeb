"""`keyferry byok`: transfer files, without a server."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import DESTINATIONS, KEY_TYPES
from keyferry.cli.failures import Group
from keyferry.cli.files import others_can_read, read_input, require_writable, write_whole
from keyferry.cli.output import Output
from keyferry.cli.progress import working
from keyferry.cli.remote import json_option

if TYPE_CHECKING:  # what does the work is loaded when a command runs, not when its help is shown
    from keyferry.byok.inspect import Reading, TransferFileFacts
    from keyferry.material.secret import Secret


@click.group("byok", cls=Group)
def byok() -> None:
    """Transfer files, without a server."""


@byok.command("wrap")
@click.option("--to", "destination", type=click.Choice(DESTINATIONS), required=True, help="Where the key goes.")
@click.option(
    "--key", metavar="KEY.pem", required=True, help="The private key (PEM, DER, JWK) or AES key; - for stdin."
)
@click.option("--type", "key_type", type=click.Choice(KEY_TYPES), help="The key's type; needed for a bare AES key.")
@click.option("--passphrase-file", metavar="FILE", help="File with the passphrase of an encrypted key; - for stdin.")
@click.option("--public-key", metavar="KEK.pem", required=True, help="The public key of the key encryption key.")
@click.option(
    "--key-identifier", metavar="KID", required=True, help="The key encryption key's identifier, with version."
)
@click.option("--output", metavar="FILE.byok", required=True, type=click.Path(path_type=Path), help="File to write.")
@click.option("--name", metavar="NAME", help="The key's name in Azure, for the import line; else that of the output.")
@click.option("--force", is_flag=True, help="Write over an existing output.")
@json_option
def wrap(
    destination: str,
    key: str,
    key_type: str | None,
    passphrase_file: str | None,
    public_key: str,
    key_identifier: str,
    output: Path,
    name: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Wrap a private key from a file for a cloud."""
    from keyferry.byok.destinations import destination_named
    from keyferry.byok.kek import read_kek
    from keyferry.material.algorithms import ALGORITHMS
    from keyferry.material.importing import read_material
    from keyferry.material.keys import identify

    require_writable(output, force=force)
    to = destination_named(destination)
    identifier = to.parse_identifier(key_identifier)
    kek = read_kek(read_input(public_key, what="public key", field="public_key"))
    algorithm = ALGORITHMS[key_type] if key_type else None
    data = read_input(key, what="key", field="key")
    with working("Checking and wrapping the key"):
        material = read_material(data, algorithm=algorithm, passphrase=_passphrase(passphrase_file))
        file = to.wrap(material, kek, identifier, name=name or output.stem)
    write_whole(output, file.content, what="transfer file", force=force)
    identity = identify(material)
    line = to.import_command(identifier, material.algorithm, name=name or output.stem, file=str(output))
    warnings = [*file.warnings, *filter(None, [others_can_read(key)])]
    document = {
        "output": str(output),
        "sha256": file.sha256,
        "type": material.algorithm.name,
        "spki_sha256": identity.spki_sha256,
        "check_value": identity.check_value,
        "key_identifier": identifier.text,
        "kek_sha256": kek.spki_sha256,
        "import_command": line,
        "warnings": warnings,
    }
    out = Output(as_json=as_json)
    rows = {
        "File's SHA-256": file.sha256,
        "Type": material.algorithm.name,
        "Key's SPKI SHA-256": identity.spki_sha256,
        "Key check value": identity.check_value,
        "Key identifier": identifier.text,
        "KEK's SPKI SHA-256": kek.spki_sha256,
    }
    out.facts(document, rows, head=f"Wrapped into {output}")
    out.warn(warnings)
    out.say()
    out.say("Import it with:")
    out.say(f"  {line}")


@byok.command("inspect")
@click.argument("file", metavar="FILE.byok")
@json_option
def inspect(file: str, as_json: bool) -> None:
    """Show what a transfer file holds."""
    from keyferry.byok.inspect import inspect as look

    found = look(read_input(file, what="transfer file", field="file"))
    out = Output(as_json=as_json)
    out.facts(_document(found), _rows(found), head=file)
    out.warn(found.notes)


@byok.command("verify")
@click.argument("file", metavar="FILE.byok")
@click.option(
    "--private-key", metavar="KEK-PRIVATE.pem", required=True, help="The private half of the key encryption key."
)
@click.option("--passphrase-file", metavar="FILE", help="File with its passphrase, if encrypted; - for stdin.")
@click.option("--expect", metavar="PUBLIC.pem", help="The public key that the file must turn out to hold.")
@json_option
def verify(file: str, private_key: str, passphrase_file: str | None, expect: str | None, as_json: bool) -> None:
    """Unwrap a transfer file with a test KEK and compare public keys."""
    from keyferry.byok.verify import read_kek_private
    from keyferry.byok.verify import verify as check

    content = read_input(file, what="transfer file", field="file")
    kek = read_kek_private(
        read_input(private_key, what="private key", field="private_key"), _passphrase(passphrase_file)
    )
    expected = None if expect is None else read_input(expect, what="public key", field="expect")
    result = check(content, kek, expected)
    identity = result.identity
    document = _document(result.facts) | {
        "type": result.algorithm.name,
        "plaintext_bytes": result.plaintext_bytes,
        "spki_sha256": identity.spki_sha256,
        "thumbprint": identity.thumbprint,
        "check_value": identity.check_value,
        "compared": result.compared,
    }
    rows = {
        "Key identifier": result.facts.kid,
        "Type": result.algorithm.name,
        "Key's SPKI SHA-256": identity.spki_sha256,
        "JWK thumbprint": identity.thumbprint,
        "Key check value": identity.check_value,
        "File's SHA-256": result.facts.sha256,
    }
    verdict = "and is the expected key" if result.compared else "(compared with nothing: give --expect)"
    out = Output(as_json=as_json)
    out.facts(document, rows, head=f"{file} unwraps {verdict}.")
    out.warn(result.facts.notes)


def _passphrase(file: str | None) -> "Secret | None":
    from keyferry.cli.secret_input import read_secret

    return None if file is None else read_secret(file, what="passphrase", field="passphrase_file")


def _document(facts: "TransferFileFacts") -> dict[str, Any]:
    document = asdict(facts)
    identifier = facts.identifier
    document["identifier"] = (
        None
        if identifier is None
        else {
            "host": identifier.host,
            "name": identifier.name,
            "version": identifier.version,
            "service": identifier.service.value,
            "cloud": identifier.cloud.value,
        }
    )
    return document


def _rows(facts: "TransferFileFacts") -> dict[str, Any]:
    return {
        "Schema version": facts.schema_version,
        "Key identifier": facts.kid,
        "Wrapping": f"{facts.enc} (alg {facts.alg})",
        "Generator": facts.generator,
        "Size": f"{facts.size} bytes",
        "SHA-256": facts.sha256,
        "Ciphertext": f"{facts.ciphertext_bytes} bytes",
        "Likely": "; or ".join(_reading(each) for each in facts.readings if each.key_types) or None,
    }


def _reading(reading: "Reading") -> str:
    what = " or ".join(reading.key_types)
    return f"{what} under a KEK of {reading.kek_bits} bits ({reading.kek_bytes} + {reading.wrapped_key_bytes})"
