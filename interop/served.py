"""`keyferry emulator serve` as a person starts it: a process of its own, on free ports, with a new home."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from interop.keyferry import PROGRAM, keyferry
from interop.ways import Way

SECONDS_TO_COME_UP: Final = 60
SECONDS_TO_END: Final = 30


@dataclass(frozen=True, slots=True)
class Served:
    """An emulator that serves `home`, and what `keyferry emulator env` says of it."""

    home: Path

    def facts(self, way: Way) -> dict[str, Any]:
        """What `keyferry emulator env --json` prints."""
        found: dict[str, Any] = json.loads(
            keyferry("emulator", "env", "--home", self.home, "--way", way.value, "--json")
        )
        return found

    def variables(self, way: Way) -> Mapping[str, str]:
        """The variables that it tells to set, with what lies in the files that it names."""
        facts = self.facts(way)
        plain: dict[str, str] = facts["variables"]
        files = {name: Path(file).read_text().strip() for name, file in facts["variables_from_files"].items()}
        return plain | files


@contextmanager
def served(directory: Path) -> Iterator[Served]:
    """An emulator, while the block runs; it ends as it is asked to, and has written nothing but what it serves."""
    home, log = directory / "emulator", directory / "emulator.log"
    listening = ("--listen", "127.0.0.1:0", "--proxy", "127.0.0.1:0")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "emulator", "serve", "--home", home, *listening], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, log)
        yield Served(home)
    finally:
        process.terminate()
        ended = process.wait(SECONDS_TO_END)
    assert ended == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + SECONDS_TO_COME_UP
    while "keyferry emulator env" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
