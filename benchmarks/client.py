"""One load client, a process of its own: sends the same few requests again and again over one TLS connection.

It reads a job as a line of JSON, says `ready`, begins at the next line, and answers with a line of JSON. It does as
little as it can for each request, since it shares the machine with the server that is measured.
"""

import json
import socket
import ssl
import sys
import time
from typing import Any


def main() -> None:
    """Do one job."""
    job = json.loads(sys.stdin.readline())
    context = ssl.create_default_context(cafile=job["ca"])
    plain = socket.create_connection((job["host"], job["port"]))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(plain, server_hostname=job["host"]) as connection:
        requests = [_encoded(each, job) for each in job["requests"]]
        _ask(connection, requests[0] if job["warm"] else None)
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(_run(connection, requests, job)), flush=True)


def _run(connection: ssl.SSLSocket, requests: list[bytes], job: dict[str, Any]) -> dict[str, Any]:
    took, kept = [], []
    began = time.perf_counter()
    until = began + job["seconds"]
    before = began
    number = job["first"]
    while before < until:
        status, body = _ask(connection, requests[number % len(requests)]) or (0, b"")
        after = time.perf_counter()
        if status != job["status"]:
            raise RuntimeError(f"answered {status}: {body[:300]!r}")
        took.append(after - before)
        before = after
        number += 1
        if job["keep"]:
            kept.append(json.loads(body)[job["keep"]])
    for each in kept if job["read_back"] else ():
        request = {"method": "GET", "path": job["read_back"].format(each)}
        status, body = _ask(connection, _encoded(request, job)) or (0, b"")
        if status != 200 or json.loads(body)[job["keep"]] != each:
            raise RuntimeError(f"{each} was made, and is not there: {status}")
    return {"took": took, "seconds": before - began, "kept": kept}


def _encoded(request: dict[str, Any], job: dict[str, Any]) -> bytes:
    body = b"" if request.get("body") is None else json.dumps(request["body"]).encode()
    head = (
        f"{request['method']} {request['path']} HTTP/1.1\r\nHost: {job['host']}:{job['port']}\r\n"
        f"Authorization: Bearer {job['token']}\r\n"
    )
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _ask(connection: ssl.SSLSocket, request: bytes | None) -> tuple[int, bytes] | None:
    """Send a request and read its answer, which has a Content-Length (RFC 9112 section 6.3)."""
    if request is None:
        return None
    connection.sendall(request)
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _more(connection)
    head = received[:end].lower()
    start = head.index(b"content-length:") + 15
    length = int(head[start : start + 20].split(b"\r\n", 1)[0])
    while len(received) < end + 4 + length:
        received += _more(connection)
    return int(head[9:12]), received[end + 4 :]


def _more(connection: ssl.SSLSocket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise RuntimeError("the server closed the connection")
    return data


if __name__ == "__main__":
    main()
