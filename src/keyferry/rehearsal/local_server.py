"""A `keyferry serve` of the rehearsal's own, on a free port of loopback."""

import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keyferry.errors import CannotStart

READY_WITHIN_SECONDS = 30


@contextmanager
def serving(home: Path, log: Path) -> Iterator[str]:
    """Serve `home` until the block ends; gives the URL once the server is ready. Its log goes to `log`."""
    port = _free_port()
    with log.open("wb") as output:
        command = [sys.executable, "-m", "keyferry", "serve", "--home", str(home), "--listen", f"127.0.0.1:{port}"]
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)  # no shell
        try:
            url = f"https://127.0.0.1:{port}"
            _wait_until_ready(process, url, home / "tls" / "ca.pem", log)
            yield url
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, ca: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            context = ssl.create_default_context(cafile=str(ca))
            with urllib.request.urlopen(f"{url}/readyz", context=context, timeout=2):  # noqa: S310  # https, to loopback
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise CannotStart(f"The server did not become ready; its log is {log}.", advice="Read the log's last lines.")
