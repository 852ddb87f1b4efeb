"""Write the pages of docs/ that are derived from the code; with `--check`, only say whether they are current.

    python docs/generate.py [--check]

`docs/errors.md` comes from `keyferry.errors.TITLES`: its sections are the comments between that table's rows.
"""

import argparse
import inspect
import sys
from pathlib import Path

from keyferry import errors

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


PAGES = {"errors.md": errors_page}


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
