"""The composition root: settings -> root + store + doors."""

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import structlog
import uvicorn

from keyferry import __version__
from keyferry.api.app import create_app
from keyferry.background import Background
from keyferry.client_trust import EVERY_SECONDS, ClientTrust
from keyferry.clouds.azure.hosts import AllowedHosts
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.config.settings import Settings
from keyferry.config.values import Listen
from keyferry.custody.filling import Filling
from keyferry.custody.works import Work, simply
from keyferry.deployments.server_push import Pushes, sdk_is_installed
from keyferry.doors.between import Doors
from keyferry.doors.client_certificate import AskingProtocol
from keyferry.doors.figures import Figures
from keyferry.doors.log_lines import PlainLines
from keyferry.doors.protocol import GatheringProtocol
from keyferry.doors.services import Services
from keyferry.doors.workers import Crew
from keyferry.errors import CannotStart
from keyferry.installation import Installation, open_installation
from keyferry.server_facts import facts_of
from keyferry.tls import ServerTls
from keyferry.web.app import create_console
from keyferry.whereabouts import telling

GRACE_SECONDS = 10
#: connections that may wait to be taken
BACKLOG = 2048
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # as somebody may have set it; nothing is bound here

log = structlog.get_logger("keyferry.server")


class Server(uvicorn.Server):
    """A server that ends its process in order: what serves beside it is still finished after a signal.

    Attributes:
        asking: the context of a second listener, which asks clients for a certificate; None for no such listener.
        asking_sockets: where that one listens.
    """

    def __init__(self, config: uvicorn.Config, asking: ssl.SSLContext | None = None) -> None:
        super().__init__(config)
        self.asking = asking
        self.asking_sockets: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and listen for clients with certificates too: one application, one state, one end."""
        await super().startup(sockets)
        if self.asking is not None:
            await self._listen_for_certificates(self.asking)
        asking = {"with_certificates": _addresses("https", self.asking_sockets)} if self.asking_sockets else {}
        scheme = "https" if self.config.is_ssl else "http"
        log.info("serving", address=_addresses(scheme, sockets or []), version=__version__, **asking)

    async def _listen_for_certificates(self, asking: ssl.SSLContext) -> None:
        def create_protocol() -> asyncio.Protocol:
            return AskingProtocol(self.config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        for each in self.asking_sockets:
            listener = await loop.create_server(create_protocol, sock=each, ssl=asking, backlog=BACKLOG)
            self.servers.append(listener)

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


def serve(settings: Settings) -> None:
    """Serve until the process is told to end (SIGTERM, SIGINT); requests under way are finished.

    Raises:
        CannotStart: plain HTTP was not asked for beyond loopback, the store does not open, or the port is taken.
    """
    configure_logs(settings)
    structlog.configure(cache_logger_on_first_use=True)  # nothing configures them anew in this process
    with running(settings) as (server, installation), ExitStack() as opened:
        sockets = opened.enter_context(listening(settings.listen))
        if settings.listen_mtls is not None:
            server.asking_sockets = opened.enter_context(listening(settings.listen_mtls, "listen_mtls"))
        offer_set_up(installation, sockets[0].getsockname()[1])
        everywhere = [each.getsockname()[:2] for each in (*sockets, *server.asking_sockets)]
        opened.enter_context(telling(settings.home, everywhere))
        keep_what_is_loaded()
        server.run(sockets)
    log.info("ended")


def _addresses(scheme: str, sockets: list[socket.socket]) -> str:
    """Where these listen, as one writes it into a browser."""
    return ", ".join(f"{scheme}://{Listen(*each.getsockname()[:2])}" for each in sockets)


def keep_what_is_loaded() -> None:
    """Spare the garbage collector what stays as long as the process: it would look through it while requests wait."""
    gc.collect()
    gc.freeze()
    gc.enable()


def offer_set_up(installation: Installation, port: int) -> None:
    """While there are no users, print the link that makes the first Administrator; it is in no log and no file."""
    token = installation.set_up.offer()
    if token is None:
        return
    listen = installation.settings.listen
    if listen.is_loopback:
        host = listen.host
    elif listen.host in _EVERYWHERE:
        host = "127.0.0.1"
    else:
        _tell(
            f"There is no Administrator yet, and set-up is for this machine alone, but the server listens on {listen}.",
            "Start it once with --listen 127.0.0.1:8420, and open the link that it prints then.",
        )
        return
    scheme = "http" if installation.settings.allow_plain_http else "https"
    _tell(
        "There is no Administrator yet. Within 30 minutes, open this in a browser on this machine:",
        f"  {scheme}://{Listen(host, port)}/set-up?token={token.reveal().decode()}",
    )


def _tell(*lines: str) -> None:
    """For the person at the terminal alone: logs are kept, and sent elsewhere."""
    print(*lines, sep="\n", flush=True)  # noqa: T201  # see above


@contextmanager
def listening(listen: Listen, setting: str = "listen") -> Iterator[list[socket.socket]]:
    """A socket for each address that `listen` names, which is the value of `setting`.

    Raises:
        CannotStart: an address is taken, is not this machine's, or may not be had.
    """
    with ExitStack() as opened:
        try:
            found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            sockets = [
                opened.enter_context(socket.create_server(address, family=family, backlog=BACKLOG))
                for family, _, _, _, address in found
            ]
        except OSError as error:
            reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise CannotStart(
                f"The server cannot listen on {listen}: {reason}.",
                field=setting,
                advice="End what listens there, a server that runs already perhaps, or give another address and port.",
            ) from None
        yield sockets


@contextmanager
def running(settings: Settings) -> Iterator[tuple[Server, Installation]]:
    """A server that is ready to run, on an open installation whose background work has begun."""
    installation = open_installation(settings)
    try:
        speaks_tls = settings.listen_mtls is not None or not settings.allow_plain_http
        tls = ServerTls(installation.tls, settings.tls_names) if speaks_tls else None
        trusted = None if tls is None or settings.listen_mtls is None else trusting(tls, installation)
        background = Background(
            installation,
            hourly=[] if tls is None else [tls.renew],
            further=() if trusted is None else (Work("client-trust", EVERY_SECONDS, simply(trusted.refresh)),),
        )
        plain = None if settings.allow_plain_http else tls
        configuration = _configuration(settings, installation, background, plain)
        server = Server(configuration, None if trusted is None else trusted.context)
        filling = Filling(installation.custody.pool, installation.custody.generation)
        background.start()
        filling.start()
        try:
            yield server, installation
        finally:
            filling.stop()
            background.stop()
    finally:
        installation.close()


def trusting(tls: ServerTls, installation: Installation) -> ClientTrust:
    """The context of a listener that asks for certificates, and which it lets through as things are."""
    trusted = ClientTrust(tls.asking(), installation.custody.trusted_certificates)
    trusted.refresh()
    installation.custody.trusted_certificates.tell = trusted.refresh
    return trusted


def configure_logs(settings: Settings) -> None:
    """Structured logs to standard error; the libraries' own logs go the same way."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Plain tracebacks: richer ones print local variables, and with them secrets.
    colours = sys.stderr.isatty()
    console: Any = structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    console = console if colours else PlainLines(console)
    for_machines = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *(for_machines if settings.log_format == "json" else [console])],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=max(level, logging.WARNING))


def _configuration(
    settings: Settings, installation: Installation, background: Background, tls: ServerTls | None
) -> uvicorn.Config:
    services = Services(
        custody=installation.custody,
        sign_in=installation.sign_in,
        authenticator=installation.authenticator,
        settings=settings,
        crew=Crew.of(settings),
        figures=Figures(),
        ready=lambda: _require_ready(installation, background),
        pushes=_pushes(settings, installation) if sdk_is_installed() else None,
        certificates=installation.certificates,
        set_up=installation.set_up,
        facts=partial(facts_of, installation),
        single_sign_on=installation.single_sign_on,
    )
    return uvicorn.Config(
        application(services),
        host=settings.listen.host,
        port=settings.listen.port,
        loop="uvloop",
        http=GatheringProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
    )


def application(services: Services) -> Doors:
    """REST and the console, at one address."""
    return Doors(create_app(services), create_console(services))


def _pushes(settings: Settings, installation: Installation) -> Pushes:
    """What waits for a vault takes a quarter of the threads at most: the rest is for those who wait for nobody."""
    at_once = max(1, settings.max_concurrency // 4)
    return Pushes(installation.custody, _outgoing(settings), at_once=at_once)


def _outgoing(settings: Settings) -> Outgoing:
    return Outgoing(
        proxy=settings.outgoing_proxy or None,
        ca_file=settings.outgoing_ca_file,
        allowed=AllowedHosts.adding(settings.azure_hosts),
    )


def _require_ready(installation: Installation, background: Background) -> None:
    if background.fault is not None:
        raise background.fault
    if installation.store.read(lambda _: None) is not None:
        raise CannotStart("The store cannot be read.")
