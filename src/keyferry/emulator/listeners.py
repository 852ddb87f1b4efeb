"""The listeners of an emulator while it serves: the main one, the proxy's, and one for every further vault.

A vault that is made while requests are answered has its listener by the time its maker is told. A vault that is deleted
keeps it until the emulator ends, as it may be recovered; whoever calls there is told that there is no such vault.
"""

import asyncio
import logging
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from keyferry.emulator.addresses import Addresses
from keyferry.emulator.listening import bind_preferred, port_of
from keyferry.emulator.management.vaults import Vaults
from keyferry.emulator.protocol import AbortableProtocol
from keyferry.emulator.proxy import MAX_HEAD, Proxy
from keyferry.errors import KeyferryError

#: uvicorn ticks ten times a second
TICKS_AN_HOUR: Final = 36_000
HANDOVER_SECONDS: Final = 15


class Server(uvicorn.Server):
    """uvicorn with the proxy beside it, and with listeners that are added while it serves.

    Args:
        upkeep: what is to be done once an hour, in a thread of its own.

    Attributes:
        up: set once every listener takes connections.
    """

    def __init__(
        self, config: uvicorn.Config, proxy: Proxy, proxy_socket: socket.socket, upkeep: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self._upkeep = upkeep
        self._proxy = proxy
        self._proxy_socket = proxy_socket
        self._proxy_server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, on the proxy's socket too."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._proxy_server = await asyncio.start_server(self._proxy.serve, sock=self._proxy_socket, limit=MAX_HEAD)
        self.up.set()

    async def on_tick(self, counter: int) -> bool:
        """Do the upkeep once an hour."""
        if counter % TICKS_AN_HOUR == TICKS_AN_HOUR - 1:
            try:
                await asyncio.to_thread(self._upkeep)
            except (KeyferryError, OSError, sqlite3.Error) as error:  # a full disk ends no service; it is tried again
                logging.getLogger(__name__).warning("The emulator's upkeep failed: %s", error)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new, finish what is under way, and end."""
        self._loop = None
        if self._proxy_server is not None:
            self._proxy_server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, AbortableProtocol):
                connection.hang_up_if_idle()
        await super().shutdown(sockets)
        await self._proxy.close()

    def listen_on(self, listener: socket.socket) -> None:
        """Serve on one socket more; called in another thread than the server's."""
        loop = self._loop
        if loop is None:  # the server is about to end
            listener.close()
        else:
            asyncio.run_coroutine_threadsafe(self._open(listener), loop).result(HANDOVER_SECONDS)

    async def _open(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.servers.append(await loop.create_server(self._protocol, sock=listener, ssl=self.config.ssl))

    def _protocol(self) -> AbortableProtocol:
        return AbortableProtocol(self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the signals that end a process end the serving alone; uvicorn's own would raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Listeners:
    """A listener of its own for every vault but the first, whose is the main one.

    Args:
        main_vault: the name of the vault that answers at the main listener.
    """

    def __init__(self, vaults: Vaults, addresses: Addresses, main_vault: str) -> None:
        self._vaults = vaults
        self._addresses = addresses
        self._main_vault = main_vault.lower()
        self._turn = threading.Lock()
        self._named: set[str] = set()

    def bind(self) -> list[socket.socket]:
        """Sockets for the vaults that have none yet."""
        with self._turn:
            return [self._bind(name) for name in self._lacking()]

    def _lacking(self) -> list[str]:
        names = [vault.name.lower() for vault in self._vaults.all()]
        return [name for name in names if name != self._main_vault and name not in self._named]

    def _bind(self, name: str) -> socket.socket:
        """A socket on the port that the vault had before, else on the first free one behind the main listener's."""
        main = self._addresses.main_port
        before = self._addresses.port_of(name)
        listener = bind_preferred(self._addresses.address, before, *range(main + 1, main + 10))
        self._addresses.record(name, port_of(listener))
        self._named.add(name)
        return listener
