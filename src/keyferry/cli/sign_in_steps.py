"""What `keyferry login` asks for between a password and a session."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from keyferry.cli.failures import WrongUsage
from keyferry.cli.output import Output, plain
from keyferry.errors import ClientFailed, InvalidInput

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.connection import Server

NAME = "keyferry login"


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the answers come from: files, standard input (`-`), or a prompt where None."""

    code_file: str | None = None
    new_password_file: str | None = None


def complete(server: "Server", answer: dict[str, Any], answers: Answers) -> dict[str, Any]:
    """Go from step to step until there is a session; its document, with recovery codes that came on the way.

    Raises:
        ClientFailed: a step can be done at the console alone.
        ServerRefused: a step was refused.
    """
    codes: list[str] = []
    while "token" not in answer:
        take = _STEPS.get(str(answer.get("needs")))
        if take is None:
            raise ClientFailed(
                f"This sign-in needs a step that this version does not know: {plain(str(answer.get('needs')))}.",
                advice="Sign in at the console, or use the server's version of the command line.",
            )
        answer = take(server, answer, answers)
        codes += answer.get("recovery_codes", [])
    answer["recovery_codes"] = codes
    return answer


def show_codes(out: Output, codes: list[str]) -> None:
    """Recovery codes, for a person to keep."""
    if not codes or out.as_json:
        return
    out.say("Recovery codes: each is good once in place of the second factor. Keep them now: they are not shown again.")
    for code in codes:
        out.say(f"  {code}")


def read_code(file: str | None, field: str = "code_file") -> str:
    """A code from a file, standard input or a prompt."""
    from keyferry.cli.secret_input import read_secret

    try:
        return read_secret(file, what="code", field=field).reveal().decode()
    except UnicodeDecodeError:
        raise InvalidInput("The code is not text in UTF-8.", field=field, advice="Save the file as UTF-8.") from None


def _factor(server: "Server", answer: dict[str, Any], answers: Answers) -> dict[str, Any]:
    if not {"totp", "recovery"} & set(answer.get("factors", [])):
        raise ClientFailed(
            "Your second factor is a passkey, and a terminal has none.",
            advice="At the console, add an authenticator app, or make an API token for KEYFERRY_TOKEN_FILE.",
        )
    code = read_code(answers.code_file)
    found: dict[str, Any] = server.post("/sessions/second-factor", {"ticket": answer["ticket"], "code": code})
    return found


def _enrolment(server: "Server", answer: dict[str, Any], _answers: Answers) -> dict[str, Any]:
    """Set an authenticator app up, at a terminal: a person has to bring the key into it."""
    if not sys.stdin.isatty():
        raise WrongUsage(
            "Your role needs a second factor, and there is none yet.",
            advice="Sign in at a terminal or at the console once, and set one up.",
        )
    new = server.post("/sessions/enrolment", {"ticket": answer["ticket"], "kind": "totp"})["totp"]
    click.echo("Your role needs a second factor. Add this key to your authenticator app:", err=True)
    show_key(new)
    completion = {
        "ticket": answer["ticket"],
        "name": "authenticator app",
        "enrolment": new["enrolment"],
        "code": read_code(None),
    }
    found: dict[str, Any] = server.post("/sessions/enrolment/complete", completion)
    return found


def show_key(new: dict[str, Any]) -> None:
    """The key of an authenticator app that is being set up, on the terminal and not in the output."""
    click.echo(f"  Key:     {plain(str(new.get('key')))}", err=True)
    click.echo(f"  Address: {plain(str(new.get('address')))}", err=True)


def _password(server: "Server", answer: dict[str, Any], answers: Answers) -> dict[str, Any]:
    from keyferry.cli.secret_input import read_password

    click.echo("This password is good for setting one of your own alone.", err=True)
    password = read_password(answers.new_password_file, field="new_password_file", confirm=True, what="new password")
    body = {"ticket": answer["ticket"], "password": password}
    found: dict[str, Any] = server.post("/sessions/new-password", body)
    return found


_STEPS = {"factor": _factor, "password": _password, "enrolment": _enrolment}
