"""HTTP as uvicorn speaks it, but for one thing: what is written at one go of the event loop leaves at one go.

uvicorn writes the head of an answer and its body one after the other. Each would be a TLS record and a packet of its
own, and would wake who waits for them; most answers fit into one.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: bytes that wait at most: with more, the transport has to know, so that it can ask for a pause
MOST: Final = 64 * 1024


class Gathering:
    """A transport that sends at the end of the loop's go what was written during it.

    Args:
        transport: the real one, which does everything else.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have it sent with what is written before the loop goes on; at once if that comes to much."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)
        self._size += len(data)
        if self._size > MOST:
            self._send()

    def close(self) -> None:
        """Send what was written, then end the connection."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's protocol, on such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it so
        """Put the connection's transport behind one that gathers."""
        super().connection_made(cast("asyncio.Transport", Gathering(transport, self.loop)))
