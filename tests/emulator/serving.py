"""`keyferry emulator serve` in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keyferry.emulator.facts import Facts, read_facts
from keyferry.emulator.home import Home

KEYFERRY = Path(sys.executable).with_name("keyferry")
WITHIN_SECONDS = 60


class Serving:
    """An emulator that serves until it is told to end, or is killed."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        command = [str(KEYFERRY), "emulator", "serve", "--home", str(home)]
        options = options or ("--listen", "127.0.0.1:0", "--proxy", "127.0.0.1:0")
        self.process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self._until_it_serves()

    @property
    def facts(self) -> Facts:
        return read_facts(Home(self.home))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; how it ended."""
        self.process.send_signal(number)
        return self.process.wait(WITHIN_SECONDS)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(WITHIN_SECONDS)

    def _until_it_serves(self) -> str:
        """Everything that it says up to its last line."""
        assert self.process.stdout is not None
        watch = threading.Timer(WITHIN_SECONDS, self.process.kill)
        watch.start()
        said = ""
        for line in self.process.stdout:
            said += line
            if "keyferry emulator env" in line or line == "}\n":
                break
        watch.cancel()
        return said


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Serving]:
    server = Serving(home, *options)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()
