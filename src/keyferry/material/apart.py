"""Reading key material in a process of its own: what goes over the pipe, and both of its ends.

    parent ── stdin:  {"algorithm", "passphrase", "data"} ──> keyferry.material.worker
           <── stdout: {"algorithm", "material"} or {"refused": {"code", "detail", "field", "advice"}}

JSON, bytes in base64. Nothing secret is in an argument or the environment, and the process gets no settings of ours.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from keyferry.errors import TITLES, InternalError, MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm
from keyferry.material.keys import Material
from keyferry.material.refusals import too_costly
from keyferry.material.secret import Secret

TIMEOUT_SECONDS = 30.0
CPU_SECONDS = 20
MEMORY_BYTES = 1 << 30
"""Address space: the interpreter and its libraries reserve about 0.2 GiB of it."""

AT_ONCE = 2
"""Processes that may run at the same time; a further call waits for its turn."""

_TURNS = threading.BoundedSemaphore(AT_ONCE)
_COMMAND = (sys.executable, "-I", "-m", "keyferry.material.worker")
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a Python that is not the system's may need to find its own libraries."""


def call_worker(data: bytes, algorithm: Algorithm | None, passphrase: Secret | None) -> Material:
    """Start the process, wait for its answer, and read it.

    Raises:
        MaterialRefused: the refusal that came back, or that no answer came in time.
        InternalError: the process ended in another way.
    """
    with _TURNS:
        answer = _exchange(encode_request(data, algorithm, passphrase))
    if answer is None:
        raise too_costly("time")
    return decode_answer(answer)


def encode_request(data: bytes, algorithm: Algorithm | None, passphrase: Secret | None) -> bytes:
    """What the parent sends."""
    return json.dumps(
        {
            "algorithm": None if algorithm is None else algorithm.name,
            "passphrase": None if passphrase is None else _text(passphrase.reveal()),
            "data": _text(data),
        }
    ).encode()


def decode_request(request: bytes) -> tuple[bytes, Algorithm | None, Secret | None]:
    """What the worker understands: the file's content, the key type, the passphrase."""
    fields = json.loads(request)
    algorithm, passphrase = fields["algorithm"], fields["passphrase"]
    return (
        base64.b64decode(fields["data"]),
        None if algorithm is None else ALGORITHMS[algorithm],
        None if passphrase is None else Secret(base64.b64decode(passphrase)),
    )


def encode_material(material: Material) -> bytes:
    """What the worker answers when the key is sound."""
    return json.dumps({"algorithm": material.algorithm.name, "material": _text(material.secret.reveal())}).encode()


def encode_refusal(refusal: MaterialRefused) -> bytes:
    """What the worker answers when it is not."""
    fields = {"code": refusal.code, "detail": refusal.detail, "field": refusal.field, "advice": refusal.advice}
    return json.dumps({"refused": fields}).encode()


def decode_answer(answer: bytes) -> Material:
    """What the parent understands.

    Raises:
        MaterialRefused: the worker's own.
        InternalError: it is no answer.
    """
    fields = _fields(answer)
    match fields:
        case {"refused": {"code": str(code), "detail": str(detail), "field": field, "advice": str(advice)}}:
            if code in TITLES:
                raise MaterialRefused(detail, code=code, field=field, advice=advice)
        case {"algorithm": str(name), "material": str(material)} if name in ALGORITHMS:
            return Material(ALGORITHMS[name], Secret(base64.b64decode(material)))
    raise InternalError("The process that reads key material gave no answer that can be understood")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _fields(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def _exchange(request: bytes) -> bytes | None:
    """The process's output; None when it was out of time. What its errors say may hold secrets and is thrown away."""
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    with subprocess.Popen(
        _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            answer, _ = process.communicate(request, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    if process.returncode == -signal.SIGXCPU:
        return None
    if process.returncode != 0:
        raise InternalError(f"The process that reads key material ended with status {process.returncode}")
    return answer
