"""What commands print: facts and tables for people, and with `--json` the same as REST answers it."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

BLANK = "[blank]"
"""What stands for a key without a name, as in the console."""


class Output:
    """Standard output, for people or for programs.

    Args:
        as_json: print JSON, with the names that REST uses.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def facts(self, document: Mapping[str, Any], rows: Mapping[str, Any], *, head: str | None = None) -> None:
        """One thing: `document` as JSON, or `head` and `rows` as aligned lines of label and value.

        Rows whose value is None are left out.
        """
        if self.as_json:
            write_json(document)
            return
        if head is not None:
            self.say(head)
        shown = {label: shown_value(value) for label, value in rows.items() if value is not None}
        width = max(map(len, shown), default=0)
        for label, value in shown.items():
            sys.stdout.write(f"  {label + ':':<{width + 1}} {value}\n")

    def table(self, items: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, none: str) -> None:
        """Many things: `{"items": [...]}` as JSON, or aligned columns.

        Args:
            columns: from a column's heading to the member of each item that it shows.
            none: what to say when there is nothing to list.
        """
        if self.as_json:
            write_json({"items": items})
            return
        if not items:
            self.say(none)
            return
        rows = [list(columns), *([shown_value(item.get(name)) for name in columns.values()] for item in items)]
        widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
        for row in rows:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            sys.stdout.write(line.rstrip() + "\n")

    def say(self, text: str = "") -> None:
        """A line for people; nothing under `--json`."""
        if not self.as_json:
            sys.stdout.write(plain(text) + "\n")

    def warn(self, warnings: Sequence[str]) -> None:
        """Warnings, on standard error; under `--json` they are in the document."""
        if not self.as_json:
            warn(*warnings)


def warn(*warnings: str) -> None:
    """Write warnings on standard error, a line each."""
    for text in warnings:
        sys.stderr.write(f"warning: {plain(text)}\n")


def write_json(document: object) -> None:
    """Print a document as indented JSON. Characters beyond ASCII are escaped, so that no terminal acts on them."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def shown_value(value: object) -> str:
    """A JSON value as people read it."""
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(shown_value(part) for part in value)
    if isinstance(value, Mapping):
        return plain(json.dumps(value, ensure_ascii=False))
    return plain(str(value))


def plain(text: str) -> str:
    """`text` without characters that a terminal would act on, as names and descriptions are written by others."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
