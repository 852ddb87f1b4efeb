"""The client certificate that commands come with, from files of the caller's own."""

import ssl
import sys
from pathlib import Path

import click

from keyferry.errors import CannotStart
from keyferry.private_files import read_private

_MAX_BYTES = 64 * 1024


def load_client_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Have connections of `context` come with a certificate. A key that is encrypted has its password asked for.

    Raises:
        CannotStart: (`file-refused`) others can read the key, the two do not belong together, or one cannot be read.
    """
    read_private(key, what="private key", max_bytes=_MAX_BYTES, code="file-refused", field="key")
    try:
        context.load_cert_chain(certificate, key, password=_password)
    except (OSError, ssl.SSLError, ValueError):
        raise CannotStart(
            f"{certificate} and {key} hold no certificate with its private key, or the key's password is wrong.",
            code="file-refused",
            field="certificate",
            advice="Give PEM: what `keyferry certificate create --format pem` wrote is both in one file.",
        ) from None


def _password() -> str:
    if not sys.stdin.isatty():
        raise ValueError("there is no terminal to ask for a password on")
    return str(click.prompt("Password of the private key", hide_input=True, err=True))
