"""Groups whose commands are loaded when they are called for."""

from importlib import import_module
from typing import Any

import click

from keyferry.cli.failures import Command


class LazyGroup(click.Group):
    """A group that knows where its commands are, and what each does in one line.

    Args:
        places: from a command's name to `MODULE:ATTRIBUTE` and its line of help. The line stands here too, so that the
            group's help imports nothing; a test compares it with the command's own.
    """

    command_class = Command

    def __init__(self, *args: Any, places: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The names in the order of the table."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # (as above)
        """Load a command; None when there is none of that name."""
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # (as above)
        """List the commands from the table, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.places.items()])
