"""A host that answers as it likes, over real TLS on loopback: what a vault that lies, or was taken over, could say."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

TENANT = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Said:
    """An answer: None for the status ends the connection without one."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass
class Liar:
    """What it was asked, each with the Authorization header that came along; and what it answers."""

    url: str
    answer: Callable[[str, str], Said] = field(default=lambda _method, _path: Said(404))
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return self.url.removeprefix("https://")

    @property
    def got_a_token(self) -> bool:
        return any(authorization is not None for _, _, authorization in self.asked)

    def challenge(self, *, authority: str | None = None, resource: str | None = None) -> Said:
        """401 as a vault's, `authority` and `resource` being its own when they are not given."""
        words = f'Bearer authorization="{authority or self.url}/{TENANT}", resource="{resource or self.url}"'
        return Said(401, {"WWW-Authenticate": words})

    def answers_with(self, *said: Said) -> None:
        """Challenge whoever has no token; then answer so, the last one for ever."""
        waiting = list(said)
        challenged = [False]

        def answer(_method: str, _path: str) -> Said:
            if not challenged[0]:
                challenged[0] = True
                return self.challenge()
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        self.answer = answer


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` that is its own authority, and the same with its private key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, SHA256())
        .public_bytes(Encoding.PEM)
    )
    trusted, held = directory / "trusted.pem", directory / "held.pem"
    trusted.write_bytes(made)
    held.write_bytes(made + private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return trusted, held


@contextmanager
def lying(held: Path) -> Iterator[Liar]:
    """A liar on a free port, until the end of the `with` statement."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            liar.asked.append((self.command, self.path, self.headers.get("Authorization")))
            said = liar.answer(self.command, self.path)
            self.close_connection = True
            if said.status is None:
                return
            self.send_response(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def __getattr__(self, name: str) -> Any:
            if name in {"do_GET", "do_PUT", "do_POST"}:
                return self.answer
            raise AttributeError(name)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(held)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        liar = Liar(f"https://localhost:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield liar
        server.shutdown()
        serving.join()
