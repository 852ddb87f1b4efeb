"""PyKMIP's server as it comes from PyPI, as a peer to be measured beside: SQLite, mutual TLS, loopback."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from socket import create_connection
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from benchmarks.load import Load, ask_client, run_clients
from keyferry.rehearsal.local_server import free_port

_BENCH = Path(__file__).resolve().parent.parent / ".bench" / "bin"
_CLIENT = Path(__file__).with_name("kmip_client.py")
_READY_WITHIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A PyKMIP server that runs. `public` and `private` are the ids of an RSA-2048 key's halves in it."""

    job: dict[str, Any]
    public: str
    private: str

    def load(self, operation: str, *, clients: int, seconds: float) -> Load:
        """Let `clients` do `create` (AES-256), `get` (the public key) or `sign` (RSA-2048) for that long."""
        id_ = self.private if operation == "sign" else self.public
        jobs = [self.job | {"operation": operation, "id": id_, "seconds": seconds}] * clients
        return run_clients(_COMMAND, jobs)


_COMMAND = [str(_BENCH / "python"), str(_CLIENT)]


@contextmanager
def peer(folder: Path) -> Iterator[Peer]:
    """Serve in `folder`, which is made, until the block ends.

    Raises:
        RuntimeError: the server did not come up; its log says why.
    """
    folder.mkdir()
    (folder / "policy").mkdir()
    _make_certificates(folder)
    port = free_port()
    configuration = {
        "hostname": "127.0.0.1",
        "port": port,
        "certificate_path": folder / "server.pem",
        "key_path": folder / "server.key",
        "ca_path": folder / "ca.pem",
        "auth_suite": "TLS1.2",
        "policy_path": folder / "policy",
        "enable_tls_client_auth": True,
        "logging_level": "WARNING",
        "database_path": folder / "pykmip.db",
    }
    lines = [f"{name}={value}" for name, value in configuration.items()]
    (folder / "server.conf").write_text("\n".join(["[server]", *lines, ""]))
    (folder / "client.conf").write_text(
        "[client]\ncert_reqs=CERT_REQUIRED\nssl_version=PROTOCOL_TLSv1_2\ndo_handshake_on_connect=True\n"
        "suppress_ragged_eofs=True\nusername=\npassword=\n"
    )
    command: list[str | Path] = [
        _BENCH / "pykmip-server",
        "-f",
        folder / "server.conf",
        "-l",
        folder / "server.log",
        "-v",
        "WARNING",
    ]
    with (folder / "output").open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        try:
            _wait_for(port, server, folder)
            job = {
                "host": "127.0.0.1",
                "port": port,
                "cert": str(folder / "client.pem"),
                "key": str(folder / "client.key"),
                "ca": str(folder / "ca.pem"),
                "config": str(folder / "client.conf"),
            }
            made = ask_client(_COMMAND, job | {"operation": "prepare"})
            yield Peer(job, made["public"], made["private"])
        finally:
            server.terminate()


def _wait_for(port: int, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PyKMIP's server did not come up: {(folder / 'output').read_text(errors='replace')[-500:]}")


def _make_certificates(folder: Path) -> None:
    """An authority, a server and a client: ECDSA, with the extended key usages that PyKMIP asks for."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("bench authority", authority_key, None, None)
    (folder / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    for name, usage in (("server", ExtendedKeyUsageOID.SERVER_AUTH), ("client", ExtendedKeyUsageOID.CLIENT_AUTH)):
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(name, key, (authority, authority_key), usage)
        (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(private)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    usage: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer[0].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if usage is not None:
        names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key if issuer is None else issuer[1], hashes.SHA256())


def facts() -> dict[str, str]:
    """The peer's release, for the results."""
    listed = subprocess.run(
        [_BENCH / "python", "-m", "pip", "list", "--format", "json"], check=True, capture_output=True
    )
    return {
        each["name"].lower(): each["version"] for each in json.loads(listed.stdout) if each["name"].lower() == "pykmip"
    }
