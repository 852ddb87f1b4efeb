"""How a command fails: two lines on standard error, what was wrong and what to do, and the exit code."""

import sys
import traceback
from pathlib import Path
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from keyferry.cli.output import plain
from keyferry.errors import KeyferryError

FAILED = 1
WRONG_USAGE = 2


class Failure(click.ClickException):
    """A refusal or a failure, on its way to the two lines. `place` is the option or field at fault."""

    exit_code = FAILED

    def __init__(self, error: KeyferryError, place: str | None) -> None:
        super().__init__(error.detail)
        self.code = error.code
        self.place = place
        self.advice = error.advice


class WrongUsage(click.UsageError):
    """A command that was given what it cannot take, with advice of its own."""

    def __init__(self, detail: str, *, advice: str) -> None:
        super().__init__(detail)
        self.advice = advice


class Command(click.Command):
    """A command whose refusals name the option at fault the way it is typed."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it.

        Raises:
            Failure: Keyferry, here or at the server, refused.
        """
        try:
            return super().invoke(ctx)
        except KeyferryError as error:
            raise Failure(error, self._place(error.field)) from error

    def _place(self, field: str | None) -> str | None:
        """The option or argument that `field` came from, by its name here or in REST; else `field` itself."""
        for parameter in self.params:
            if field in _names(parameter):
                return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
        return field


def _names(parameter: click.Parameter) -> set[str]:
    """What an option or argument may be called in an error: `--password-file` is REST's `password`."""
    words = {parameter.name or "", *(each.lstrip("-").replace("-", "_") for each in parameter.opts)}
    words |= {word.removesuffix("_").removesuffix("_file") for word in words}
    return words | {_NESTED[word] for word in words if word in _NESTED}


#: members of objects in REST, by what stands for them here
_NESTED = {
    "rotate_every": "rotation.every_days",
    "rotate_before": "rotation.before_deactivation_days",
    "require_approval": "approvals.operations",
    "approvals_needed": "approvals.needed",
    "approver": "approvals.approvers",
    "approval_lifetime": "approvals.lifetime_seconds",
}


class Group(click.Group):
    """A noun: its verbs are `Command`s, listed in the order of the file, each with its whole line of help."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The names, in the order in which they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # (as above)
        """List the commands; click would cut their lines off."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help or "") for name, command in self.commands.items()])


def report(code: str, detail: str, advice: str, place: str | None = None) -> None:
    """Write the two lines."""
    where = f" in {plain(place)}" if place else ""
    what = one_line(detail)
    sys.stderr.write(f"error ({plain(code)}){where}: {what}{'' if what.endswith(('.', '?')) else '.'}\n")
    # No full stop is added here: advice may end in a command, to be copied.
    sys.stderr.write(f"advice: {one_line(advice) or 'Change what was given, and try again.'}\n")


def one_line(text: str) -> str:
    """`text` on one line, without characters that a terminal would act on."""
    return plain(" ".join(text.split()))


def end(error: click.ClickException | click.Abort) -> int:
    """Report how a run ended; the exit code."""
    if isinstance(error, click.Abort):
        report("interrupted", "Interrupted.", "Run it again; look first whether the server has done it already.")
        return FAILED
    if isinstance(error, Failure):
        report(error.code, error.message, error.advice, error.place)
    elif isinstance(error, NoArgsIsHelpError):
        error.show()
    elif isinstance(error, click.UsageError):
        report("wrong-usage", error.format_message(), _usage_advice(error))
    else:
        report("client-failed", error.format_message(), "Check what was given.")
    return error.exit_code


def fault(error: Exception) -> int:
    """Report what nobody foresaw, by its kind and place; the exit code."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    report(
        "internal-error",
        f"The command failed with {type(error).__name__} at {place}",
        "Report it with what you did; `python -X dev -m keyferry ...` shows more, which may hold secrets.",
    )
    return FAILED


def _usage_advice(error: click.UsageError) -> str:
    if isinstance(error, WrongUsage):
        return error.advice
    path = error.ctx.command_path if error.ctx else "keyferry"
    return f"See: {path} --help"
