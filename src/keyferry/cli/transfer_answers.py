"""Transfer files that a server has answered with: what is made sure of before one is kept."""

import hashlib
import shlex
from pathlib import Path
from typing import Any

from keyferry.cli.encodings import from_base64
from keyferry.errors import ClientFailed


def checked_file(made: dict[str, Any], key_identifier: str, destination: str) -> bytes:
    """The transfer file in an answer.

    1. Its SHA-256 is the one that the server recorded. 2. It reads under the strict rules. 3. It names the key
    identifier that was asked for.

    Raises:
        ClientFailed: (`answer-refused`).
    """
    from keyferry.byok.destinations import destination_named
    from keyferry.byok.transfer_file import read_transfer_file
    from keyferry.errors import InvalidInput

    content = from_base64(made.get("file"))
    if hashlib.sha256(content).hexdigest() != made.get("sha256"):
        raise will_not_do("the transfer file's SHA-256 is not the one that the server recorded")
    try:
        parts = read_transfer_file(content)
    except InvalidInput as refused:
        raise will_not_do(refused.detail) from None
    if parts.kid != destination_named(destination).parse_identifier(key_identifier).text:
        raise will_not_do("the transfer file names another key identifier")
    return content


def import_line(made: dict[str, Any], output: Path) -> str:
    """The destination's own command as the server writes it, for the file where it lies now."""
    words = shlex.split(made.get("import_command", ""))
    return shlex.join(str(output) if word == made.get("file_name") else word for word in words)


def will_not_do(reason: str) -> ClientFailed:
    """The error for a file that is not kept."""
    return ClientFailed(
        f"The export will not do: {reason}.",
        code="answer-refused",
        advice="Do not import the file. Export again; if it happens again, have the server examined.",
    )
