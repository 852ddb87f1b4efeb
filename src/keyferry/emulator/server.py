"""Serves a home: sign-in, management and vaults over TLS on loopback, and the proxy, until told to end.

serve(directory, "127.0.0.1:8443", "127.0.0.1:8899", told)       a process of its own
with running(directory) as emulator: ...                         a thread of this one, for tests and rehearsals
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import uvicorn

from keyferry.emulator.addresses import PROXY, Addresses
from keyferry.emulator.app import Application
from keyferry.emulator.authority import Authority
from keyferry.emulator.credentials import prepare_operator
from keyferry.emulator.directory import Directory
from keyferry.emulator.emulator import Emulator
from keyferry.emulator.facts import Facts, gather, write_facts
from keyferry.emulator.faults import Faults
from keyferry.emulator.home import Home, HomeLock
from keyferry.emulator.keys.rows import forget_vault
from keyferry.emulator.listeners import Listeners, Server
from keyferry.emulator.listening import Listen, bind, bind_preferred, port_of, read_listen
from keyferry.emulator.management.founding import found
from keyferry.emulator.management.vaults import Vaults
from keyferry.emulator.protocol import AbortableProtocol
from keyferry.emulator.proxy import Proxy
from keyferry.emulator.schema import open_state
from keyferry.emulator.sign_in.tokens import Tokens
from keyferry.emulator.variables import Way, environment
from keyferry.errors import CannotStart

GRACE_SECONDS: Final = 5
START_SECONDS: Final = 60
ANY_PORT: Final = "127.0.0.1:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Facts):
    """An emulator that serves in a thread of this process; `emulator` is what serves."""

    emulator: Emulator

    def environment(self, way: Way | str) -> dict[str, str]:
        """The environment variables that lead Azure's clients here, the secret among them."""
        return environment(self, Way(way))


def serve(directory: Path, listen: str, proxy: str, told: Callable[[Facts], None]) -> None:
    """Serve a home until the process is told to end (SIGTERM, SIGINT); requests under way are finished.

    Args:
        listen, proxy: loopback addresses and ports, as `HOST:PORT`.
        told: called once everything listens.

    Raises:
        CannotStart: the home will not do, another process serves it, an address is no loopback address, or a port is
            taken.
    """
    with _prepared(directory, listen, proxy) as (emulator, server, sockets):
        told(gather(emulator))
        server.run(sockets)


@contextmanager
def running(directory: Path, listen: str = ANY_PORT, proxy: str = ANY_PORT) -> Iterator[Running]:
    """Serve a home in a thread of this process for as long as the context lasts.

    Raises:
        CannotStart: as `serve`.
    """
    with _prepared(directory, listen, proxy) as (emulator, server, sockets):
        thread = threading.Thread(target=server.run, args=(sockets,), name="keyferry-emulator", daemon=True)
        thread.start()
        try:
            if not server.up.wait(START_SECONDS):
                raise CannotStart("The emulator did not come up.", advice="Look at what it wrote on standard error.")
            facts = gather(emulator)
            yield Running(emulator=emulator, **{each.name: getattr(facts, each.name) for each in fields(facts)})
        finally:
            server.should_exit = True
            thread.join()


def open_emulator(home: Home, address: str, proxy_address: str) -> Emulator:
    """Open what lies in a home, and make what is missing: tenant, operator, subscriptions, vaults.

    Args:
        address, proxy_address: the loopback addresses that will be listened on.

    Raises:
        CannotStart: a file of the home will not do.
    """
    state = open_state(home)
    directory = Directory(state)
    prepare_operator(home, directory)
    found(state, directory)
    vaults = Vaults(state)
    vaults.on_purge = lambda connection, vault: forget_vault(connection, vault.name)
    vaults.purge_what_is_due()
    return Emulator(
        home=home,
        state=state,
        directory=directory,
        vaults=vaults,
        addresses=Addresses(state, vaults, address, proxy_address),
        faults=Faults(),
        tokens=Tokens(state, directory),
    )


@contextmanager
def _prepared(directory: Path, listen: str, proxy: str) -> Iterator[tuple[Emulator, Server, list[socket.socket]]]:
    """Everything but the serving itself: the home held, the sockets bound, and their addresses left in the home."""
    at, proxy_at = read_listen(listen, field="listen"), read_listen(proxy, field="proxy")
    home = Home(directory)
    home.prepare()
    with ExitStack() as stack:
        stack.enter_context(closing(HomeLock(home)))
        emulator = stack.enter_context(closing(open_emulator(home, at.address, proxy_at.address)))
        authority = Authority(home, emulator.state, at.address)
        sockets, listeners = _bind(emulator, at)
        for each in sockets:
            stack.enter_context(closing(each))
        main = (at.address, port_of(sockets[0]))
        proxy_socket = stack.enter_context(closing(_bind_proxy(emulator.addresses, proxy_at)))

        def upkeep() -> None:
            authority.renew()
            emulator.vaults.purge_what_is_due()

        server = Server(_configuration(emulator, authority), Proxy(main), proxy_socket, upkeep)

        turn = threading.Lock()

        def vaults_changed() -> None:
            for listener in listeners.bind():
                server.listen_on(listener)
            with turn:  # whoever is later has seen more
                write_facts(gather(emulator))

        emulator.vaults.on_change = vaults_changed
        write_facts(gather(emulator))
        yield emulator, server, sockets


def _bind(emulator: Emulator, at: Listen) -> tuple[list[socket.socket], Listeners]:
    """The main listener's socket, then those of the further vaults."""
    addresses = emulator.addresses
    main_vault = addresses.main_vault() or emulator.vaults.all()[0].name
    main = bind(at, field="listen") if at.port else bind_preferred(at.address, addresses.recorded_main_port)
    addresses.record(main_vault, port_of(main), main=True)
    listeners = Listeners(emulator.vaults, addresses, main_vault)
    return [main, *listeners.bind()], listeners


def _bind_proxy(addresses: Addresses, at: Listen) -> socket.socket:
    listener = bind(at, field="proxy") if at.port else bind_preferred(at.address, addresses.proxy_port())
    addresses.record(PROXY, port_of(listener))
    return listener


def _configuration(emulator: Emulator, authority: Authority) -> uvicorn.Config:
    return uvicorn.Config(
        Application(emulator),
        loop="uvloop",
        http=AbortableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=lambda _config, _default: authority.context,
    )
