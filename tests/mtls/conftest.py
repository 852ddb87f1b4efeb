"""A server with both listeners in this process, and clients that come with certificates: curl, OpenSSL, a browser."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from keyferry.client_trust import ClientTrust
from keyferry.config.values import Listen
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import BundleForm, IssuedCertificate, NewCertificate
from keyferry.doors.figures import Figures
from keyferry.doors.protocol import GatheringProtocol
from keyferry.doors.services import Services
from keyferry.doors.workers import Crew
from keyferry.rehearsal.local_server import free_port
from keyferry.server import Server, application, listening, trusting
from keyferry.server_facts import facts_of
from keyferry.store.records import Certificate
from keyferry.testing import Kit
from keyferry.tls import ServerTls

OWN = ("-H", "X-Keyferry-Request: 1")


@dataclass(frozen=True)
class Answer:
    """What curl got: a status of 0 when TLS let nothing through."""

    status: int
    body: Any
    said: str


@dataclass
class Served:
    """A server, where it listens, and what stands behind it."""

    kit: Kit
    trusted: ClientTrust
    url: str
    mutual_url: str
    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))

    @property
    def ca(self) -> Path:
        return self.kit.installation.tls.authority

    def file(self, content: bytes) -> Path:
        """A file of the test's, with what a client is given."""
        path = self.folder / f"{next(self.numbers)}.pem"
        path.write_bytes(content)
        path.chmod(0o600)
        return path

    def curl(self, path: str, *arguments: str, certificate: Path | None = None, url: str | None = None) -> Answer:
        """Ask with curl, over the second listener unless told otherwise."""
        command = ["/usr/bin/curl", "--silent", "--show-error", "--cacert", str(self.ca), "--max-time", "20"]
        command += ["--write-out", "\n%{http_code}", *(("--cert", str(certificate)) if certificate else ()), *arguments]
        told = subprocess.run(
            [*command, f"{url or self.mutual_url}{path}"], capture_output=True, text=True, timeout=60, check=False
        )
        body, _, status = told.stdout.rpartition("\n")
        return Answer(int(status), json.loads(body) if body.startswith("{") else body, told.stderr)


@contextmanager
def serving(kit: Kit, folder: Path) -> Iterator[Served]:
    """Serve a kit's installation from a thread of this process."""
    made = kit.installation
    services = Services(
        made.custody,
        made.sign_in,
        made.authenticator,
        made.settings,
        Crew.of(made.settings),
        Figures(),
        lambda: None,
        certificates=made.certificates,
        facts=partial(facts_of, made),
    )
    tls = ServerTls(made.tls, ())
    trusted = trusting(tls, made)
    configuration = uvicorn.Config(
        application(services),
        http=GatheringProtocol,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        ssl_context_factory=lambda _config, _default: tls.context,
    )
    server = Server(configuration, trusted.context)
    mutual = made.settings.listen_mtls
    assert mutual is not None
    with listening(Listen("127.0.0.1", 0)) as sockets, listening(mutual) as asking:
        server.asking_sockets = asking
        urls = [f"https://127.0.0.1:{each.getsockname()[1]}" for each in (sockets[0], asking[0])]
        thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
        thread.start()
        try:
            yield Served(kit, trusted, urls[0], urls[1], folder)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that the tests of a file share: they use names of their own."""
    folder = Path(tmp_path_factory.mktemp("mtls"))
    kit = Kit.make(folder / "home", listen_mtls=f"127.0.0.1:{free_port()}")
    with serving(kit, folder) as made:
        yield made
    kit.close()


def issue(served: Served, by: Caller, name: str = "script", user: str | None = None, **more: Any) -> IssuedCertificate:
    """A certificate as PEM, with its key not encrypted."""
    new = NewCertificate(name=name, form=BundleForm.PEM, **more)
    return served.kit.custody.certificates.issue(by, new, user=user)


def given(served: Served, by: Caller, **more: Any) -> tuple[Certificate, Path]:
    """A certificate, and the file that a client comes with."""
    issued = issue(served, by, **more)
    return issued.certificate, served.file(issued.bundle.content.reveal())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
