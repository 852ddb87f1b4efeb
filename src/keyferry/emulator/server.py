"""The emulator, open and serving: its main listener, a door for every further vault, and the proxy.

The main listener serves every plane and, at `localhost`, the first vault. A door is a port of its own for one vault; it
leads to the main listener byte by byte, where the port in the request's Host header says which vault is meant. The
proxy leads there too. Everything listens on loopback.
"""

import asyncio
import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from keyferry.emulator.addresses import PROXY, Addresses
from keyferry.emulator.app import Application
from keyferry.emulator.authority import Authority
from keyferry.emulator.credentials import prepare_operator
from keyferry.emulator.directory import Directory
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.faults import Faults
from keyferry.emulator.home import Home, HomeLock
from keyferry.emulator.keys.rows import forget_vault
from keyferry.emulator.listening import Listen, bind, bind_preferred, port_of, read_listen
from keyferry.emulator.management import founding
from keyferry.emulator.management.vaults import Vaults
from keyferry.emulator.protocol import AbortableProtocol
from keyferry.emulator.proxy import MAX_HEAD, Proxy, lead
from keyferry.emulator.schema import open_state
from keyferry.emulator.sign_in.tokens import Tokens
from keyferry.emulator.variables import Surroundings
from keyferry.errors import CannotStart

GRACE_SECONDS: Final = 5
STARTED_WITHIN_SECONDS: Final = 30
UPKEEP_SECONDS: Final = 3600


class Server(uvicorn.Server):
    """uvicorn's, which a signal ends in order: what serves beside it is still closed, and nothing is raised again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the serving alone."""
        if threading.current_thread() is not threading.main_thread():  # signals reach the main thread alone
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def opened(home: Home, address: str) -> Iterator[Emulator]:
    """The emulator in `home`, for this process alone; made with all that it starts with where it is missing.

    Raises:
        CannotStart: the home cannot be made or opened, or another process serves it.
    """
    home.prepare()
    with contextlib.closing(HomeLock(home)):
        state = open_state(home)
        directory = Directory(state)
        prepare_operator(home, directory)
        founding.found(state, directory)
        vaults = Vaults(state)
        vaults.on_purge = lambda connection, vault: forget_vault(connection, vault.name)
        emulator = Emulator(
            home=home,
            state=state,
            directory=directory,
            vaults=vaults,
            addresses=Addresses(state, vaults, address),
            faults=Faults(),
            tokens=Tokens(state, directory),
        )
        try:
            yield emulator
        finally:
            emulator.close()


class Serving:
    """One emulator's listeners, from their sockets to their end.

    Args:
        main, proxy: sockets that listen already.
    """

    def __init__(self, emulator: Emulator, main: socket.socket, proxy: socket.socket) -> None:
        self._emulator = emulator
        self._address = emulator.addresses.address
        self._authority = Authority(emulator.home, emulator.state, self._address)
        self._sockets = (main, proxy)
        self._target = (self._address, port_of(main))
        self._proxy = Proxy(self._target)
        self._doors: dict[str, asyncio.Server] = {}
        self._record_ports()
        self.server = Server(
            uvicorn.Config(
                Application(emulator),
                http=AbortableProtocol,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                timeout_graceful_shutdown=GRACE_SECONDS,
                ssl_context_factory=lambda _config, _default: self._authority.context,
            )
        )

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until the server is told to end.

        Args:
            ready: called once everything listens.
        """
        main, proxy = self._sockets
        loop = asyncio.get_running_loop()
        proxy_server = await asyncio.start_server(self._proxy.serve, sock=proxy, limit=MAX_HEAD)
        await self._open_doors()
        self._emulator.vaults.on_change = lambda: asyncio.run_coroutine_threadsafe(self._open_doors(), loop).result()
        beside = [asyncio.create_task(self._tell(ready)), asyncio.create_task(self._keep_up())]
        try:
            await self.server.serve(sockets=[main])
        finally:
            for task in beside:
                task.cancel()
            for each in (proxy_server, *self._doors.values()):
                each.close()
            await self._proxy.close()

    def _record_ports(self) -> None:
        addresses, (main, proxy) = self._emulator.addresses, self._sockets
        first = addresses.main_vault() or self._emulator.vaults.all()[0].name
        addresses.record(first, port_of(main), main=True)
        addresses.record(PROXY, port_of(proxy))

    async def _open_doors(self) -> None:
        """A door for every live vault that has none, and none any more for what is no vault."""
        addresses = self._emulator.addresses
        live = {vault.name.lower() for vault in self._emulator.vaults.all()}
        for name in self._doors.keys() - live:
            self._doors.pop(name).close()
        for name in sorted(live - self._doors.keys() - {addresses.main_vault()}):
            listener = bind_preferred(self._address, addresses.port_of(name), self._next_port())
            addresses.record(name, port_of(listener))
            self._doors[name] = await asyncio.start_server(self._lead, sock=listener)

    def _next_port(self) -> int:
        """The port after those that are taken: vaults are easiest to find side by side."""
        taken = [self._emulator.addresses.port_of(name) or 0 for name in self._doors]
        return max([self._target[1], *taken]) + 1

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._proxy.held(lead(reader, writer, self._target), writer)

    async def _tell(self, ready: Callable[[], None]) -> None:
        while not self.server.started:
            await asyncio.sleep(0.01)
        ready()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            await asyncio.to_thread(self._authority.renew)
            await asyncio.to_thread(self._emulator.vaults.purge_what_is_due)


def serve(home: Home, listen: Listen, proxy: Listen, ready: Callable[[Surroundings], None]) -> None:
    """Serve until the process is told to end (SIGTERM, SIGINT).

    Args:
        ready: called once everything listens, with what there is and where.

    Raises:
        CannotStart: a port is taken, or the home cannot be opened.
    """
    with _prepared(home, listen, proxy) as (emulator, serving):
        surroundings = Surroundings.of(emulator)
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(serving.run(lambda: ready(surroundings)))


@contextmanager
def running(directory: Path, listen: str = "127.0.0.1:0", proxy: str = "127.0.0.1:0") -> Iterator[Surroundings]:
    """An emulator that serves beside this thread until the block ends.

    Raises:
        CannotStart: as `serve`; or it did not begin to serve in time.
    """
    read = (read_listen(listen, field="listen"), read_listen(proxy, field="proxy"))
    with _prepared(Home(directory.absolute()), *read) as (emulator, serving):
        started = threading.Event()

        def run() -> None:
            with asyncio.Runner(loop_factory=_loop) as runner:
                runner.run(serving.run(started.set))

        thread = threading.Thread(target=run, name="keyferry-emulator", daemon=True)
        thread.start()
        try:
            _wait(started, thread)
            yield Surroundings.of(emulator)
        finally:
            serving.server.should_exit = True
            thread.join()


def _wait(started: threading.Event, thread: threading.Thread) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_SECONDS
    while not started.wait(0.05):
        if not thread.is_alive() or time.monotonic() > deadline:
            raise CannotStart("The emulator did not begin to serve.")


@contextmanager
def _prepared(home: Home, listen: Listen, proxy: Listen) -> Iterator[tuple[Emulator, Serving]]:
    with ExitStack() as stack:
        emulator = stack.enter_context(opened(home, listen.address))
        main = stack.enter_context(_socket(listen, emulator.addresses.recorded_main_port, field="listen"))
        proxies = stack.enter_context(_socket(proxy, emulator.addresses.proxy_port(), field="proxy"))
        yield emulator, Serving(emulator, main, proxies)


def _socket(listen: Listen, before: int | None, *, field: str) -> socket.socket:
    return bind(listen, field=field) if listen.port else bind_preferred(listen.address, before)


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415  # loaded where a loop is made, not where a home is looked at

    return uvloop.new_event_loop()
