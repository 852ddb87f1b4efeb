"""Measure everything, print a table, and write it as JSON under `benchmarks/results/`.

`python -m benchmarks NAME…` measures these parts alone, and writes nothing.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import batches, console, exporting, listing, memory, pool, pykmip, rest, startup
from benchmarks.measuring import RUNS, Row
from keyferry import __version__

RESULTS = Path(__file__).parent / "results" / "latest.json"

PARTS: Mapping[str, Callable[[], list[Row]]] = {
    "startup": startup.rows,
    "memory": memory.rows,
    "rest": rest.rows,
    "exporting": exporting.rows,
    "batches": batches.rows,
    "pool": pool.rows,
    "listing": listing.rows,
    "console": console.rows,
}


def main(names: list[str]) -> int:
    """0 when every row is on the right side of its limit."""
    began = time.monotonic()
    rows: list[Row] = []
    for name in names or PARTS:
        print(f"{name} ...", flush=True)
        rows += PARTS[name]()
        print(f"  {time.monotonic() - began:.0f} s", flush=True)
    print()
    for each in rows:
        print(_line(each))
    if not names:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(_document(rows), indent=2) + "\n")
    return 0 if all(each.reached for each in rows) else 1


def _document(rows: list[Row]) -> dict[str, Any]:
    return {
        "keyferry": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "runs": RUNS,
        **pykmip.facts(),
        "rows": [asdict(each) | {"ratio": each.ratio, "reached": each.reached} for each in rows],
    }


def _line(each: Row) -> str:
    verdict = "ok    " if each.reached else "MISSED"
    relation = "at least" if each.at_least else "at most"
    least, most = each.spread
    details = ", ".join(f"{name} {value:.4g}" for name, value in each.details.items())
    return (
        f"{verdict} {each.figure:9.4g} {each.unit:8} {relation} {each.limit:g}, ratio {each.ratio:.2f}"
        f"  ({least:.4g} to {most:.4g})  {each.what}{f' [{details}]' if details else ''}"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
