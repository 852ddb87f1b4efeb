"""A real server in a process of its own, to be killed."""

import base64
import hashlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from keyferry.testing import Kek

READY_SECONDS = 60


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`keyferry serve` on a home that settles plain HTTP on loopback. Leaving kills the process if it still runs."""

    def __init__(self, home: Path, port: int, errors: Path) -> None:
        self.port = port
        self._errors = errors
        keyferry = str(Path(sys.executable).with_name("keyferry"))
        command = [keyferry, "serve", "--home", str(home), "--listen", f"127.0.0.1:{port}"]
        with errors.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        for _ in range(READY_SECONDS * 20):
            if self._process.poll() is not None:
                break
            with suppress(OSError):
                if self.ask("GET", "/readyz") == 200:
                    return self
            threading.Event().wait(0.05)
        self.kill()
        raise AssertionError(f"the server did not come up:\n{self._errors.read_text()}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str) -> int:
        """The status of an answer to a request without a token."""
        with closing(self.connect()) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def kill(self) -> int:
        """SIGKILL: nothing is finished, nothing is flushed. Answers how the process ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        return self._process.wait(30)


@dataclass
class Creates:
    """Keys that clients ask a server for, until it is gone: which were acknowledged, and how many were asked for.

    Every third is exported at once, as an EC key: the exports' ids, and the SHA-256 of the files that were handed out.
    """

    server: Server
    token: str
    kek: Kek
    acknowledged: list[str] = field(default_factory=list)
    exported: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _enough: threading.Event = field(default_factory=threading.Event)

    def run(self, *, total: int, kill_after: int, clients: int = 8) -> int:
        """Ask for up to `total` keys, and kill the server once `kill_after` were acknowledged; answers how it ended."""
        with ThreadPoolExecutor(clients) as threads:
            asking = [threads.submit(self._client, total, kill_after) for _ in range(clients)]
            self._enough.wait(READY_SECONDS)
            ended = self.server.kill()
            for each in asking:
                each.result()
        return ended

    def _client(self, total: int, kill_after: int) -> None:
        gone = suppress(OSError, http.client.HTTPException)
        with gone, closing(self.server.connect()) as connection:
            while (number := self._next()) <= total:
                created = self._create(connection, number)
                with self._lock:
                    self.acknowledged.append(created["id"])
                    if len(self.acknowledged) >= kill_after:
                        self._enough.set()
                if number % 3 == 0:
                    export = self._export(connection, created["id"])
                    with self._lock:
                        self.exported[export["id"]] = hashlib.sha256(base64.b64decode(export["file"])).hexdigest()
        self._enough.set()

    def _next(self) -> int:
        with self._lock:
            self.asked += 1
            return self.asked

    def _create(self, connection: http.client.HTTPConnection, number: int) -> dict[str, Any]:
        type_ = "aes-256" if number % 3 else "ec-p256"
        return self._post(connection, "/api/v1/keys", {"type": type_, "name": f"key-{self.server.port}-{number}"})

    def _export(self, connection: http.client.HTTPConnection, key_id: str) -> dict[str, Any]:
        given = {"key_identifier": self.kek.identifier, "public_key": self.kek.public_pem.decode()}
        return self._post(connection, f"/api/v1/keys/{key_id}/exports", {"destination": "azure", **given})

    def _post(self, connection: http.client.HTTPConnection, path: str, body: dict[str, str]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 201, content
        made: dict[str, Any] = json.loads(content)
        return made
