"""Servers of the rehearsal's own, started as a person would start them, on free ports of loopback."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from keyferry.errors import CannotStart

READY_WITHIN_SECONDS = 30
STOPPED_WITHIN_SECONDS = 20
ROOM_BYTES = 64 * 1024
"""With less room than this on a disk, a server cannot make its files."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running `keyferry …` of our own, in a session of its own, so that it can outlive the rehearsal."""

    process: "subprocess.Popen[bytes]"
    url: str

    @classmethod
    def start(
        cls, words: Sequence[str], *, url: str, ready: str, ca: Path, log: Path, environment: Mapping[str, str]
    ) -> "LocalServer":
        """Start `keyferry WORDS…` and wait until `ready`, a path below `url`, answers.

        Args:
            ca: the certificate to trust; it may come to be only while the server starts.
            log: where what the server prints goes.

        Raises:
            CannotStart: it ended, or did not answer in time.
        """
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "keyferry", *words],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=dict(environment),
                start_new_session=True,
            )
        started = cls(process, url)
        try:
            wait_until_ready(process, url + ready, ca, log)
        except BaseException:
            started.stop()
            raise
        return started

    def ask_to_stop(self) -> None:
        """Let it end, without waiting for it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it, gently first."""
        if self.process.poll() is None:
            self.ask_to_stop()
            try:
                self.process.wait(STOPPED_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_keyferry(home: Path, log: Path, environment: Mapping[str, str] | None = None) -> LocalServer:
    """Serve the installation in `home`; gives the server once it is ready. Its log goes to `log`."""
    listen = f"127.0.0.1:{free_port()}"
    return LocalServer.start(
        ["serve", "--home", str(home), "--listen", listen],
        url=f"https://{listen}",
        ready="/readyz",
        ca=home / "tls" / "ca.pem",
        log=log,
        environment=os.environ if environment is None else environment,
    )


def start_emulator(home: Path, log: Path, environment: Mapping[str, str]) -> LocalServer:
    """Serve an emulator in `home`, which is made; gives the server once it is ready. Its log goes to `log`."""
    port = free_port()
    listen = ("--listen", f"127.0.0.1:{port}", "--proxy", f"127.0.0.1:{free_port()}")
    return LocalServer.start(
        ["emulator", "serve", "--home", str(home), *listen],
        url=f"https://localhost:{port}",
        ready="/metadata/endpoints?api-version=2022-09-01",
        ca=home / "ca.pem",
        log=log,
        environment=environment,
    )


@contextmanager
def serving(home: Path, log: Path) -> Iterator[str]:
    """Serve `home` until the block ends; gives the URL once the server is ready. Its log goes to `log`."""
    server = start_keyferry(home, log)
    try:
        yield server.url
    finally:
        server.stop()


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(process: "subprocess.Popen[bytes]", url: str, ca: Path, log: Path) -> None:
    """Return once `url` answers 200 to one who trusts `ca`.

    Raises:
        CannotStart: the process ended, or did not answer in time.
    """
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if ca.exists() and _answers(url, ca):
            return
        time.sleep(0.05)
    raise CannotStart(
        f"The server did not become ready. It said: {_last_words(log)}", advice=f"Its whole log is {log}."
    )


def _last_words(log: Path) -> str:
    """The last lines of a log, on one."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    silent = "nothing, and the disk is full" if shutil.disk_usage(log.parent).free < ROOM_BYTES else "nothing"
    return " / ".join(lines[-3:])[-600:] or silent


def _answers(url: str, ca: Path) -> bool:
    # A proxy that the environment names is for other hosts than our own.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(ca))),
    )
    try:
        with opener.open(url, timeout=2):
            return True
    except (OSError, urllib.error.URLError, ssl.SSLError):
        return False
