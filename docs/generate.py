"""Write the pages of docs/ that are derived from the code; with `--check`, only say whether they are current.

    python docs/generate.py [--check]

`docs/errors.md` comes from `keyferry.errors.TITLES`: its sections are the comments between that table's rows.
`docs/cli.md` comes from the tree of commands: it is what `--help` prints.
"""

import argparse
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from keyferry import errors
from keyferry.cli.command_line import command_line

DOCS = Path(__file__).parent

ERRORS_HEAD = """\
<!-- Written by `make docs` from src/keyferry/errors.py. Change it there. -->

# Error codes

Every refusal carries a code that stays the same from version to version, so that a script may act on it. Its title is
here; what exactly was wrong, with which field, and what to do come with the error itself: as `detail`, `field` and
`advice` in a REST answer (`application/problem+json`, RFC 9457), and as two lines on standard error from the command
line, which then exits with status 1.

The branch of the exception tree decides the HTTP status:

```
{tree}
```
"""


def error_sections() -> dict[str, list[str]]:
    """The codes of `TITLES` under the comments that divide the table in its source, in the source's order."""
    table = inspect.getsource(errors).split("TITLES: dict[str, str] = {\n", 1)[1].split("\n}", 1)[0]
    sections: dict[str, list[str]] = {}
    section = ""
    for line in map(str.strip, table.splitlines()):
        if line.startswith("#"):
            section = line.removeprefix("#").strip()
        else:
            sections.setdefault(section, []).append(line.split('"')[1])
    return sections


def errors_page() -> str:
    """The whole text of docs/errors.md."""
    tree = "\n".join(line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    "))
    parts = [ERRORS_HEAD.format(tree=tree)]
    for section, codes in error_sections().items():
        rows = "\n".join(f"| `{code}` | {errors.TITLES[code]} |" for code in codes)
        parts.append(f"## {section[0].upper()}{section[1:]}\n\n| code | title |\n|---|---|\n{rows}\n")
    return "\n".join(parts)


CLI_HEAD = """\
<!-- Written by `make docs` from src/keyferry/cli/. Change it there. -->

# Commands

What `--help` prints. Every command answers 0 on success, 1 when it was refused or failed, 2 on wrong usage; what went
wrong stands on standard error in two lines, `error (CODE) in PLACE: WHAT` and `advice: WHAT TO DO`
([codes](errors.md)). With `--json`, facts are printed as REST gives them; lists as `{"items": [...]}`.

Secrets come from a file that only you can read (mode 0600 or 0400), from a pipe, from standard input (`-`), or from a
prompt; never from an argument. ID is an object's id or its name; of a key also `GROUP/NAME`.
"""


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Every command at and below `command`: its path and its help, 100 columns wide."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, context_of(below, name, context))


def context_of(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """What click knows when it prints a command's help."""
    return command.make_context(name, [], parent, resilient_parsing=True, terminal_width=100)


def cli_page() -> str:
    """The whole text of docs/cli.md."""
    root = context_of(command_line, "keyferry")
    parts = [f"## {path}\n\n```\n{text}\n```\n" for path, text in commands(command_line, root)]
    return "\n".join([CLI_HEAD, *parts])


PAGES = {"cli.md": cli_page, "errors.md": errors_page}


def main() -> int:
    """Write or check every generated page; 1 when a page is not current."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not current")
    check = parser.parse_args().check
    stale = [name for name, page in PAGES.items() if not _is_current(DOCS / name, page())]
    if check and stale:
        names = ", ".join(f"docs/{name}" for name in stale)
        sys.stderr.write(f"Not current: {names}.\nRun `make docs` and commit what it wrote.\n")
        return 1
    for name in stale:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
