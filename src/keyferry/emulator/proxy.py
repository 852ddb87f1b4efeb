"""A proxy for Azure's names: it takes CONNECT (RFC 9110 section 9.3.6) for the hosts that the emulator stands for, and
leads each to the emulator's main listener. TLS runs through it untouched; no other host is ever reached.
"""

import asyncio
import contextlib
import re
from http import HTTPStatus
from typing import Final

from keyferry.emulator.addresses import MANAGEMENT_HOST, SIGN_IN_HOST, VAULT_SUFFIX

MAX_HEAD: Final = 16 * 1024
HEAD_SECONDS: Final = 15
CHUNK: Final = 64 * 1024
HTTPS_PORT: Final = "443"

#: one label (RFC 1123 section 2.1), as every vault's name is
_VAULT: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?" + re.escape(VAULT_SUFFIX))
_REQUEST: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S{1,4096}) HTTP/1\.[01]")
#: what reading and writing raise when a side has gone; uvloop raises RuntimeError on a transport that is closed
_GONE: Final = (OSError, RuntimeError)
_HOSTS: Final = f"NAME{VAULT_SUFFIX}, {SIGN_IN_HOST} and {MANAGEMENT_HOST}"
#: of a refused CONNECT most clients show the status line alone, whose phrase is free (RFC 9112 section 4)
_ELSEWHERE: Final = f"Forbidden: the Keyferry emulator's proxy leads to {_HOSTS} alone"


class Refused(Exception):
    """What the proxy answers instead of a connection."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail

    def answer(self) -> bytes:
        """The whole HTTP answer."""
        body = f"{self.detail}\n".encode("ascii", "replace")
        allow = "Allow: CONNECT\r\n" if self.status is HTTPStatus.METHOD_NOT_ALLOWED else ""
        phrase = _ELSEWHERE if self.status is HTTPStatus.FORBIDDEN else self.status.phrase
        head = (
            f"HTTP/1.1 {self.status.value} {phrase}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


def require_taken(head: bytes) -> None:
    """See that a request's head asks for a connection to a host that the emulator stands for.

    Raises:
        Refused: 400 it cannot be read, 405 it is no CONNECT, 403 it is for another host or port.
    """
    line = head.partition(b"\r\n")[0].decode("latin-1")
    found = _REQUEST.fullmatch(line)
    if found is None:
        raise Refused(HTTPStatus.BAD_REQUEST, "This is a proxy for HTTP CONNECT; the request cannot be read.")
    method, target = found[1], found[2]
    if method != "CONNECT":
        detail = "This proxy takes CONNECT alone. It is the Keyferry emulator's, for HTTPS to Azure's names."
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, detail)
    host, _, port = target.lower().rpartition(":")
    if port != HTTPS_PORT or not (_VAULT.fullmatch(host) or host in {SIGN_IN_HOST, MANAGEMENT_HOST}):
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"The Keyferry emulator's proxy leads to {_HOSTS}, port {HTTPS_PORT}, and nowhere else. "
            "For other hosts, unset HTTPS_PROXY or name them in NO_PROXY.",
        )


class Proxy:
    """Serves clients of the proxy.

    Args:
        main: where the emulator's main listener is: address and port.
    """

    def __init__(self, main: tuple[str, int]) -> None:
        self._main = main
        self._open: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it or the emulator ends the connection."""
        task = asyncio.current_task()
        assert task is not None, "streams are served in tasks"
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except _GONE:
            pass  # there is nobody to tell
        finally:
            self._open.discard(task)
            writer.close()

    async def close(self) -> None:
        """End every connection."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            require_taken(await _head(reader))
        except Refused as refused:
            writer.write(refused.answer())
            await writer.drain()
            return
        inner_reader, inner_writer = await asyncio.open_connection(*self._main)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        onward = asyncio.create_task(_pipe(reader, inner_writer))
        try:
            # Once the emulator has ended its side, nothing that the client sends could be answered.
            await _pipe(inner_reader, writer)
        finally:
            onward.cancel()
            inner_writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """A request's head, up to its empty line.

    Raises:
        Refused: 408 it takes too long, 431 it is too large, 400 it ends early.
    """
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            return await reader.readuntil(b"\r\n\r\n")
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"No request came within {HEAD_SECONDS} seconds.") from None
    except asyncio.LimitOverrunError:
        detail = f"The request's head is larger than {MAX_HEAD} bytes."
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail) from None
    except asyncio.IncompleteReadError:
        raise Refused(HTTPStatus.BAD_REQUEST, "The request ended before its head was whole.") from None


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand bytes on until the end, and then the end itself."""
    with contextlib.suppress(*_GONE):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
