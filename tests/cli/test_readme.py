"""The commands that the pages tell people to type exist, with the options that they are given."""

import re
import shlex
from pathlib import Path

import click
import pytest

from keyferry.cli.command_line import command_line

ROOT = Path(__file__).parent.parent.parent


def typed_commands(page: str = "README.md") -> list[str]:
    """Every `keyferry ...` line of the shell listings in a page, with continued lines joined."""
    listings = re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(listings).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("keyferry ")]


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the first words name, and the rest of the words."""
    command: click.Command = command_line
    context = click.Context(command)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        assert found is not None, f"{command.name} has no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("line", [*typed_commands(), *typed_commands("docs/azure-emulator.md")])
def test_pages_name_commands_and_options_that_exist(line: str) -> None:
    command, rest = resolve(shlex.split(line)[1:])
    assert not isinstance(command, click.Group), f"{line!r} stops before a command"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert [word for word in rest if word.startswith("--") and word not in known] == []


def test_readme_leads_through_the_main_job() -> None:
    verbs = [" ".join(line.split()[1:3]) for line in typed_commands()]
    steps = ("init --home", "serve --home", "login --server", "group create", "user create", "key create", "key export")
    for step in steps:
        assert step in verbs
