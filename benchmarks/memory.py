"""How much memory the server holds: idle, and while several people sign in, each for 64 MiB of hashing."""

import tempfile
import threading
from pathlib import Path

from benchmarks.load import Door, rest_load
from benchmarks.measuring import Row, row
from keyferry.installation import initialise
from keyferry.material.secret import Secret
from keyferry.rehearsal.local_server import start_keyferry

IDLE_MIB, SIGNING_IN_MIB = 150.0, 220.0
SIGN_INS = 8
SECONDS = 5.0
_PASSWORD = "mild-harbour-lantern-42"  # noqa: S105  # of an installation that lives for a minute
_SAMPLE_SECONDS = 0.02


def rows() -> list[Row]:
    """The rows of this file."""
    with tempfile.TemporaryDirectory(prefix="keyferry-bench-") as folder:
        home = Path(folder) / "home"
        initialise(home, admin="bench", password=Secret(_PASSWORD.encode()))
        server = start_keyferry(home, home / "server.log")
        try:
            threading.Event().wait(SECONDS)
            door = Door(server.url, home / "tls" / "ca.pem", "none")
            idle = row("memory of the server, idle", "MiB", IDLE_MIB, lambda: _mib(server.process.pid), at_least=False)
            what = f"memory of the server, most while {SIGN_INS} sign in at once"
            busy = row(what, "MiB", SIGNING_IN_MIB, lambda: _signing_in(door, server.process.pid), at_least=False)
            return [idle, busy]
        finally:
            server.stop()


def _signing_in(door: Door, pid: int) -> float:
    """The most that was held while everybody signed in again and again."""
    request = {"method": "POST", "path": "/api/v1/sessions", "body": {"user_name": "bench", "password": _PASSWORD}}
    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            most.append(_mib(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        rest_load(door, [request], clients=SIGN_INS, seconds=SECONDS, status=201, warm=False)
    finally:
        done.set()
        watching.join()
    return max(most)


def _mib(pid: int) -> float:
    """Resident memory of a process and its children, of /proc (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return own / 1024 + sum(_mib(int(child)) for child in children)
