"""Measure everything, print a table, and write it as JSON under `benchmarks/results/`."""

import json
import platform
from dataclasses import asdict
from pathlib import Path

from benchmarks import exporting, startup
from benchmarks.measuring import Row
from keyferry import __version__

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """0 when every row is on the right side of its limit."""
    rows = [*startup.rows(), *exporting.rows()]
    for each in rows:
        print(_line(each), flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {"keyferry": __version__, "python": platform.python_version(), "machine": platform.machine()}
    document = facts | {"rows": [asdict(each) | {"ratio": each.ratio, "reached": each.reached} for each in rows]}
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if all(each.reached for each in rows) else 1


def _line(each: Row) -> str:
    verdict = "ok    " if each.reached else "MISSED"
    relation = "at least" if each.at_least else "at most"
    least, most = each.spread
    return (
        f"{verdict} {each.figure:8.3f} {each.unit:8} {relation} {each.limit:g}, ratio {each.ratio:.2f}"
        f"  ({least:.3f} to {most:.3f})  {each.what}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
