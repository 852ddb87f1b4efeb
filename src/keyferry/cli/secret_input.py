"""Secrets from files, standard input or a prompt; never from an argument or the environment."""

import os
import stat
import sys
from pathlib import Path

import click

from keyferry.cli.failures import WrongUsage
from keyferry.errors import CannotStart, InvalidInput
from keyferry.material.secret import Secret
from keyferry.private_files import ANYONE_ELSE, read_private

MAX_BYTES = 4096
STANDARD_INPUT = "-"


def read_secret(given: str | None, *, what: str, field: str, confirm: bool = False) -> Secret:
    """A secret from the file that `given` names, from standard input when it is `-`, or from a prompt when it is None.

    One line end after it is not part of it. A file must be the caller's own and readable by nobody else (mode 0600 or
    0400); a pipe, as `<(command)` makes one, is taken as well.

    Args:
        what: what it is, for messages and the prompt: "password".
        field: the parameter that names the file.
        confirm: ask twice when prompting, for a secret that is being set.

    Raises:
        WrongUsage: nothing was given, and there is no terminal to ask on.
        CannotStart: the file is missing, or others can read it.
        InvalidInput: it is empty or too long.
    """
    if given is None:
        return _prompt(what, field, confirm=confirm)
    data = sys.stdin.buffer.read(MAX_BYTES + 1) if given == STANDARD_INPUT else _read_file(Path(given), what, field)
    if len(data) > MAX_BYTES:
        advice = "Check that this is the file you meant."
        raise InvalidInput(f"The {what} is longer than {MAX_BYTES} bytes.", field=field, advice=advice)
    data = data.removesuffix(b"\n").removesuffix(b"\r")
    if not data:
        raise InvalidInput(f"The {what} is empty.", field=field, advice=f"Write the {what} there, on one line.")
    return Secret(data)


def read_password(given: str | None, *, field: str, confirm: bool = False, what: str = "password") -> str:
    """A password, as `read_secret` reads it, as the text that goes into a request's body.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    secret = read_secret(given, what=what, field=field, confirm=confirm)
    try:
        return secret.reveal().decode()
    except UnicodeDecodeError:
        advice = "Save the file as UTF-8."
        raise InvalidInput("The password is not text in UTF-8.", field=field, advice=advice) from None


def _prompt(what: str, field: str, *, confirm: bool) -> Secret:
    if not sys.stdin.isatty():
        option = "--" + field.replace("_", "-")
        raise WrongUsage(
            f"No {what} was given, and there is no terminal to ask on.",
            advice=f"Give {option} FILE, with FILE readable by you alone, or {option} - to read standard input.",
        )
    text = click.prompt(what.capitalize(), hide_input=True, confirmation_prompt=confirm, err=True)
    return Secret(str(text).encode())


def _read_file(path: Path, what: str, field: str) -> bytes:
    if _is_private_pipe(path):
        with path.open("rb") as pipe:
            return pipe.read(MAX_BYTES + 1)
    return read_private(path, what=f"{what} file", max_bytes=MAX_BYTES, code="file-refused", field=field)


def _is_private_pipe(path: Path) -> bool:
    try:
        facts = path.stat()  # follows links: a shell's <(command) is /dev/fd/N, which is one
    except OSError:
        return False
    if not stat.S_ISFIFO(facts.st_mode):
        return False
    if facts.st_uid != os.geteuid() or facts.st_mode & ANYONE_ELSE:
        raise CannotStart(
            f"Others can use the pipe at {path}.",
            code="file-refused",
            advice="Make it with `mkfifo -m 600`, or use a file that only you can read.",
        )
    return True
