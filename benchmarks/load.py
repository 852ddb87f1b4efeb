"""Several clients at once, each a process of its own, and what came of it."""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server listens, whom to trust there, and as whom to ask."""

    url: str
    ca: Path
    token: str


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of several clients came to.

    Attributes:
        rate: answers a second, of all clients together.
        p50, p99: how long an answer took, in milliseconds.
        kept: of each answer the member that was asked for.
    """

    rate: float
    p50: float
    p99: float
    kept: tuple[str, ...]

    @classmethod
    def of(cls, results: Sequence[Mapping[str, Any]]) -> "Load":
        """From what each client told."""
        took = sorted(1000 * each for result in results for each in result["took"])
        return cls(
            rate=sum(len(result["took"]) / result["seconds"] for result in results),
            p50=statistics.median(took),
            p99=took[min(len(took) - 1, int(0.99 * len(took)))],
            kept=tuple(each for result in results for each in result["kept"]),
        )


def rest_load(
    door: Door,
    requests: Sequence[Mapping[str, Any]],
    *,
    clients: int,
    seconds: float,
    status: int = 200,
    keep: str | None = None,
    read_back: str | None = None,
    warm: bool = True,
) -> Load:
    """Let `clients` ask for `requests` in turn, each request as soon as the one before is answered.

    Args:
        requests: `method`, `path` and perhaps `body` of each.
        keep: a member of the answers to bring back.
        read_back: a path with `{}` for what was kept: asked for after the clock has stopped, and has to be there.
        warm: ask once before the clock runs.

    Raises:
        RuntimeError: an answer had another status.
    """
    address = urlsplit(door.url)
    job = {
        "host": address.hostname,
        "port": address.port,
        "ca": str(door.ca),
        "token": door.token,
        "requests": list(requests),
        "seconds": seconds,
        "status": status,
        "keep": keep,
        "read_back": read_back,
        "warm": warm,
    }
    jobs = [{**job, "first": number} for number in range(clients)]
    return run_clients([sys.executable, "-m", "benchmarks.client"], jobs)


def run_clients(command: Sequence[str], jobs: Sequence[Mapping[str, Any]]) -> Load:
    """Start a client for each job, let them begin together, and gather what they tell.

    Raises:
        RuntimeError: a client ended without an answer; it has said why on standard error.
    """
    return Load.of(_answers(command, jobs))


def ask_client(command: Sequence[str], job: Mapping[str, Any]) -> dict[str, Any]:
    """What one client tells of one job; otherwise as `run_clients`."""
    return _answers(command, [job])[0]


def _answers(command: Sequence[str], jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    with ExitStack() as running:
        clients = [_start(command, job, running) for job in jobs]
        for client in clients:
            _line(client)
        for client in clients:
            _tell(client, "go\n")
        return [json.loads(_line(client)) for client in clients]


def _start(command: Sequence[str], job: Mapping[str, Any], running: ExitStack) -> "subprocess.Popen[str]":
    client = running.enter_context(
        subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    )
    running.callback(client.kill)
    _tell(client, json.dumps(job) + "\n")
    return client


def _tell(client: "subprocess.Popen[str]", line: str) -> None:
    if client.stdin is None:
        raise RuntimeError("the client was started without a pipe")
    client.stdin.write(line)
    client.stdin.flush()


def _line(client: "subprocess.Popen[str]") -> str:
    line = "" if client.stdout is None else client.stdout.readline()
    if not line:
        raise RuntimeError("a load client ended early")
    return line
