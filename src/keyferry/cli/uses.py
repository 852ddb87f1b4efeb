"""The commands of `keyferry key` that use a key: encrypt, decrypt, sign, verify, wrap, unwrap.

What goes in and comes out is bytes, in files or on standard input and output; never an argument.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.choices import ENCRYPTING, SIGNATURE_FORMATS, SIGNING, WRAPPING
from keyferry.cli.failures import Command, WrongUsage
from keyferry.cli.files import read_input, require_writable, write_whole
from keyferry.cli.key_facts import title
from keyferry.cli.output import Output
from keyferry.cli.remote import path, remote

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

MAX_BYTES = 64 * 1024 + 1024
"""The longest ciphertext; the server refuses other input over 64 KiB itself."""

_WHEN_TOO_LONG = (
    "Encrypt long data under a data key of its own, and wrap that key here; of a long message, sign its digest."
)

_id = click.argument("id_", metavar="ID")
_associated = click.option(
    "--associated-data", metavar="FILE", help="Authenticated beside it, not encrypted; AES-GCM alone takes it."
)
_raw_version = click.option(
    "--version",
    type=click.IntRange(min=1),
    metavar="N",
    help="For what has no envelope, as it was made elsewhere: by this version.",
)
_digest = click.option("--digest", is_flag=True, help="The input is the digest, in its bytes, and not the message.")
_format = click.option(
    "--format",
    "format_",
    type=click.Choice(SIGNATURE_FORMATS),
    default="raw",
    show_default=True,
    help="Of an ECDSA signature: r || s as in JOSE, or DER as in X.509.",
)


def _algorithm(names: tuple[str, ...], without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("--algorithm", type=click.Choice(names), help=f"Without it, {without}.")


def _reads(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--input", "input_", metavar="FILE", default="-", show_default=True, help=f"{what}; - is standard input."
    )


def _writes(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        force = click.option("--force", is_flag=True, help="Write over an existing output.")
        output = click.option(
            "--output", type=click.Path(path_type=Path), metavar="FILE", help=f"{what}; else standard output."
        )
        return output(force(command))

    return with_options


@click.command("encrypt", cls=Command)
@_id
@_reads("What to encrypt")
@_writes("The ciphertext")
@_algorithm(ENCRYPTING, "the key type's default")
@_associated
@remote
def encrypt(
    server: "Server",
    out: Output,
    id_: str,
    input_: str,
    output: Path | None,
    force: bool,
    algorithm: str | None,
    associated_data: str | None,
) -> None:
    """Encrypt under a key's current version."""
    _require_room(output, force=force)
    body = _input("plaintext", input_) | _associated_input(input_, associated_data) | {"algorithm": algorithm}
    _give(out, server.post(path("keys", id_, "encrypt"), body), "ciphertext", output, force=force)


@click.command("decrypt", cls=Command)
@_id
@_reads("The ciphertext")
@_writes("The plaintext")
@_algorithm(ENCRYPTING, "the one that the envelope names")
@_associated
@_raw_version
@remote
def decrypt(
    server: "Server",
    out: Output,
    id_: str,
    input_: str,
    output: Path | None,
    force: bool,
    algorithm: str | None,
    associated_data: str | None,
    version: int | None,
) -> None:
    """Decrypt by the version that the ciphertext names; the output is plaintext."""
    _require_room(output, force=force)
    body = _input("ciphertext", input_) | _associated_input(input_, associated_data)
    body |= {"algorithm": algorithm, "version": version}
    _give(out, server.post(path("keys", id_, "decrypt"), body), "plaintext", output, force=force)


@click.command("wrap", cls=Command)
@_id
@_reads("The key to be wrapped, in its bytes")
@_writes("The wrapped key")
@_algorithm(WRAPPING, "the key type's default")
@remote
def wrap(
    server: "Server", out: Output, id_: str, input_: str, output: Path | None, force: bool, algorithm: str | None
) -> None:
    """Wrap another key's bytes under a key's current version."""
    _require_room(output, force=force)
    body = _input("material", input_) | {"algorithm": algorithm}
    _give(out, server.post(path("keys", id_, "wrap"), body), "ciphertext", output, force=force)


@click.command("unwrap", cls=Command)
@_id
@_reads("The wrapped key")
@_writes("The key")
@_algorithm(WRAPPING, "the one that the envelope names")
@_raw_version
@remote
def unwrap(
    server: "Server",
    out: Output,
    id_: str,
    input_: str,
    output: Path | None,
    force: bool,
    algorithm: str | None,
    version: int | None,
) -> None:
    """Unwrap by the version that the wrapped key names; the output is a key in the clear."""
    _require_room(output, force=force)
    body = _input("ciphertext", input_) | {"algorithm": algorithm, "version": version}
    _give(out, server.post(path("keys", id_, "unwrap"), body), "material", output, force=force)


@click.command("sign", cls=Command)
@_id
@_reads("What to sign")
@_writes("The signature")
@_algorithm(SIGNING, "the key type's default")
@_digest
@_format
@remote
def sign(
    server: "Server",
    out: Output,
    id_: str,
    input_: str,
    output: Path | None,
    force: bool,
    algorithm: str | None,
    digest: bool,
    format_: str,
) -> None:
    """Sign with a key's current version."""
    _require_room(output, force=force)
    body = _input("digest" if digest else "message", input_) | {"algorithm": algorithm, "format": format_}
    _give(out, server.post(path("keys", id_, "sign"), body), "signature", output, force=force)


@click.command("verify", cls=Command)
@_id
@_reads("What was signed")
@click.option("--signature", metavar="FILE", required=True, help="The signature.")
@_algorithm(SIGNING, "that of the curve; an RSA key has several")
@_digest
@_format
@click.option("--version", type=click.IntRange(min=1), metavar="N", help="By this version; else the current one.")
@remote
def verify(
    server: "Server",
    out: Output,
    id_: str,
    input_: str,
    signature: str,
    algorithm: str | None,
    digest: bool,
    format_: str,
    version: int | None,
) -> None:
    """Verify a signature; ends with 1 where it is not valid."""
    _require_one_standard_input(input_, signature, "--signature")
    body = _input("digest" if digest else "message", input_) | {"algorithm": algorithm, "format": format_}
    body |= {"signature": _read(signature, "signature"), "version": version}
    found = server.post(path("keys", id_, "verify"), body)
    words = "is valid" if found.get("valid") else "is NOT valid"
    out.facts(found, _rows(found), head=f"The signature {words}.")
    if not found.get("valid"):
        click.get_current_context().exit(1)


def _require_room(output: Path | None, *, force: bool) -> None:
    """Before anything is done, see whether the output can be written."""
    if output is not None:
        require_writable(output, force=force)


def _require_one_standard_input(first: str, second: str | None, option: str) -> None:
    if first == second == "-":
        raise WrongUsage("Two inputs cannot both be standard input.", advice=f"Give --input or {option} a file.")


def _input(member: str, source: str) -> dict[str, Any]:
    return {member: _read(source, "input")}


def _associated_input(source: str, associated_data: str | None) -> dict[str, Any]:
    if associated_data is None:
        return {}
    _require_one_standard_input(source, associated_data, "--associated-data")
    return {"associated_data": _read(associated_data, "associated_data")}


def _read(source: str, field: str) -> str:
    from keyferry.cli.encodings import base64url

    what = field.replace("_", " ")
    return base64url(read_input(source, what=what, field=field, most=MAX_BYTES, advice=_WHEN_TOO_LONG))


def _give(out: Output, answer: dict[str, Any], member: str, output: Path | None, *, force: bool) -> None:
    """Write what came back: to a file with facts about it, or alone to standard output.

    Under `--json` the document has it, unless it went into a file.
    """
    from keyferry.cli.encodings import from_base64url

    content = from_base64url(answer.get(member))
    if output is not None:
        write_whole(output, content, what=member, force=force)
        document = {name: value for name, value in answer.items() if name != member} | {"output": str(output)}
        out.facts(document, _rows(answer), head=f"The {member} is in {output}.")
    elif out.as_json:
        out.facts(answer, {})
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    out.warn(answer.get("warnings", []))


def _rows(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "Key": title({"id": answer.get("key_id"), "name": answer.get("key_name")}),
        "Version": answer.get("version"),
        "Algorithm": answer.get("algorithm"),
    }


COMMANDS = (encrypt, decrypt, sign, verify, wrap, unwrap)
