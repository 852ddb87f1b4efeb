"""Where the emulator listens: loopback, and nowhere else."""

import ipaddress
import os
import socket
from dataclasses import dataclass
from typing import Final

from keyferry.emulator.addresses import DEFAULT_ADDRESS, MAX_PORT, bracketed
from keyferry.errors import CannotStart

BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class Listen:
    """A loopback address, without brackets, and a port; port 0 takes the one it had before, or any free one."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.address)}:{self.port}"


def read_listen(text: str, *, field: str) -> Listen:
    """Read `HOST:PORT`.

    Raises:
        CannotStart: it is no such text, or no loopback address; names `field`.
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > MAX_PORT:
        raise CannotStart(
            f"{text!r:.80} is no address and port.",
            field=field,
            advice="Give a loopback address and a port, such as 127.0.0.1:8443.",
        )
    bare = host.removeprefix("[").removesuffix("]").lower()
    if bare == "localhost":
        bare = DEFAULT_ADDRESS
    try:
        is_loopback = ipaddress.ip_address(bare).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise CannotStart(
            f"The emulator does not listen on {host!r:.80}: only on loopback, where no other machine reaches it.",
            field=field,
            advice="Give a loopback address, such as 127.0.0.1:8443. An emulator is not for production.",
        )
    return Listen(bare, int(port))


def bind(listen: Listen, *, field: str) -> socket.socket:
    """A listening socket.

    Raises:
        CannotStart: the port is taken, or may not be had; names `field`.
    """
    try:
        return _bound(listen)
    except OSError as error:
        raise CannotStart(
            f"The emulator cannot listen on {listen}: {os.strerror(error.errno or 0)}.",
            field=field,
            advice="End what listens there, another emulator perhaps, or give another port.",
        ) from None


def bind_preferred(address: str, *ports: int | None) -> socket.socket:
    """A listening socket on the first of these ports that is free, else on any.

    Raises:
        CannotStart: there is no free port at all.
    """
    for port in ports:
        if port is not None and 0 < port <= MAX_PORT:
            try:
                return _bound(Listen(address, port))
            except OSError:
                continue
    return bind(Listen(address, 0), field="listen")


def port_of(listener: socket.socket) -> int:
    """The port that a socket has."""
    return int(listener.getsockname()[1])


def _bound(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    return socket.create_server((listen.address, listen.port), family=family, backlog=BACKLOG)
