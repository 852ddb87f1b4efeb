"""A provider of identities on loopback, over TLS, that answers as a test says; and one that lies."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from keyferry.certificates import TlsFiles, prepare_certificates
from keyferry.material.secret import Secret
from keyferry.testing import Kit


@dataclass(frozen=True)
class Said:
    """An answer; `parts` are sent one after the other, as they come."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    parts: Callable[[], Iterator[bytes]] | None = None


@dataclass
class Provider:
    """What is at which path, and what was asked for; a path that is not there is 404."""

    host: str
    says: dict[str, Said | Callable[[], Said]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.host.partition(":")[2])

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def times(self, path: str) -> int:
        return self.asked.count(path)


@dataclass(frozen=True)
class Authority:
    """Certificates for 127.0.0.1, and who issued them."""

    files: TlsFiles

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        files = TlsFiles(folder, Secret(b"for-tests"))
        prepare_certificates(files, [])
        return cls(files)

    @property
    def file(self) -> Path:
        return self.files.authority

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        password = self.files.password.reveal().decode()
        context.load_cert_chain(self.files.certificate, self.files.key, password)
        return context


@contextmanager
def providing(authority: Authority, address: str = "127.0.0.1") -> Iterator[Provider]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            found.sent.append(self.rfile.read(int(self.headers.get("content-length", "0"))))
            self._answer()

        def _answer(self) -> None:
            found.asked.append(self.path)
            found.headers.append({name.lower(): value for name, value in self.headers.items()})
            said = found.says.get(self.path, Said(b"{}", 404))
            said = said if isinstance(said, Said) else said()
            self.send_response(said.status)
            self.send_header("Content-Type", said.media_type)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.parts is None:
                self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            try:
                for part in [said.body] if said.parts is None else said.parts():
                    self.wfile.write(part)
            except OSError:  # whoever asked has heard enough
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = _Quiet((address, 0), Handler)
    server.socket = authority.context().wrap_socket(server.socket, server_side=True)
    found = Provider(f"{address}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def publishes(provider: Provider, issuer: str, key_set: Any, /, **more: Any) -> None:
    """Metadata and keys of an issuer, where OpenID Connect Discovery has them; what `more` has None for is left out."""
    usual = {"issuer": issuer, "jwks_uri": f"{provider.url}/keys"}
    told = {name: value for name, value in {**usual, **more}.items() if value is not None}
    provider.says["/.well-known/openid-configuration"] = Said(json.dumps(told).encode())
    provider.says["/keys"] = Said(json.dumps(key_set).encode())


def trusting(authority: Authority, provider: Provider, **more: Any) -> dict[str, Any]:
    """The settings of an installation that may ask the provider; and `more`."""
    return {"identity_hosts": [provider.host], "identity_ca_file": str(authority.file), **more}


@contextmanager
def asking(authority: Authority, home: Path, **more: Any) -> Iterator[tuple[Kit, Provider]]:
    """An installation of its own and a provider that it may ask, for many tests; `more` are settings."""
    with providing(authority) as provider:
        kit = Kit.make(home, **trusting(authority, provider, **more))
        yield kit, provider
        kit.close()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A handshake that the other side breaks off is what some tests are about."""
