"""How soon the command line answers, and the server is ready."""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measuring import Row, row, seconds
from keyferry.installation import initialise
from keyferry.material.secret import Secret
from keyferry.rehearsal.local_server import serving

HELP_SECONDS = 0.3
READY_SECONDS = 2.0


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder:
        home = Path(folder) / "home"
        initialise(home, admin="bench", password=Secret(b"mild-harbour-lantern-42"))
        return [
            row("keyferry --help", "s", HELP_SECONDS, lambda: seconds(_help), at_least=False),
            row("keyferry serve, until ready", "s", READY_SECONDS, lambda: _until_ready(home), at_least=False),
        ]


def _help() -> None:
    keyferry = Path(sys.executable).with_name("keyferry")
    subprocess.run([str(keyferry), "--help"], check=True, capture_output=True)


def _until_ready(home: Path) -> float:
    with ExitStack() as running:
        return seconds(lambda: running.enter_context(serving(home, home / "server.log")))
