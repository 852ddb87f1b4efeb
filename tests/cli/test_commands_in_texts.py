"""Every command that a page, a refusal's advice or the console tells people to type is one, with its options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from keyferry.cli.command_line import command_line

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "src").rglob("*.html"))]
#: at the start of a line, after a prompt, or where a text sets it apart
COMMAND = re.compile(r"(?:^ *(?:\$ )?|[`(]|<code>|Then )(?:[A-Z_]+=\S+ )*keyferry ([a-z-][^`<\n]*)", re.MULTILINE)


def commands(text: str) -> Iterator[str]:
    for found in COMMAND.finditer(text.replace("\\\n", " ")):
        # what follows a comment, another command, or the table's next words is no part of it
        yield re.split(r"\s#|[;|&)(]|\s{3,}|\$\(|\\n|\"$", found[1].strip())[0]


def fault(line: str) -> str | None:
    """What the command line would not know of it."""
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that ends elsewhere
        words = line.split()
    command: click.Command = command_line
    while isinstance(command, click.Group) and words and not words[0].startswith(("-", "…", "[")):
        within, name = command, words.pop(0).rstrip(".,:")
        found = within.get_command(click.Context(within), name)
        if found is None:
            return f"{within.name} has no {name}"
        command = found
    known = {option for each in command.params for option in each.opts + each.secondary_opts}
    known |= {"-h", "--help", "--version"}
    options = (word.partition("=")[0].rstrip(".,:") for word in words if word.startswith("--") and word != "--")
    return next((f"{command.name} has no {option}" for option in options if option not in known), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_has_people_type_is_there(page: Path) -> None:
    assert {line: fault(line) for line in commands(page.read_text()) if fault(line)} == {}


def test_what_refusals_and_the_console_have_people_type_is_there() -> None:
    found = {line for source in SOURCES for line in commands(source.read_text()) if not line.startswith("import ")}
    assert len(found) > 50
    assert {line: fault(line) for line in found if fault(line)} == {}


def test_faults_are_found() -> None:
    text = "Try `keyferry key conjure`, or:\n\n    $ keyferry key list --loudly\n\nthen (`keyferry key list --json`)."
    assert [fault(line) for line in commands(text)] == ["key has no conjure", "list has no --loudly", None]
