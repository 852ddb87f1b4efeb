"""A server's certificate, kept current while the server runs."""

import asyncio
import ssl
from pathlib import Path

from tests.loops import run_apart

from keyferry.certificates import TlsFiles, fingerprint
from keyferry.material.secret import Secret
from keyferry.tls import ServerTls


def served(tls: ServerTls, files: TlsFiles) -> str:
    """The fingerprint of the certificate that a client gets from a server that listens with this context."""

    async def connect() -> bytes:
        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls.context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            trusting = ssl.create_default_context(cafile=str(files.authority))
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
            der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            return der

    return ssl.DER_cert_to_PEM_cert(run_apart(connect))


def test_a_certificate_that_is_current_is_kept(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "tls", Secret(b"a password of the files"))
    tls = ServerTls(files, [])
    before = fingerprint(files.certificate)
    tls.renew()
    assert fingerprint(files.certificate) == before


def test_a_renewed_certificate_is_served_without_a_new_start(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "tls", Secret(b"a password of the files"))
    tls = ServerTls(files, [])
    first = served(tls, files)
    files.certificate.unlink()
    tls.renew()
    second = served(tls, files)
    assert second != first
    assert second.split() == files.certificate.read_text().split()


def test_old_versions_of_tls_are_not_offered(tmp_path: Path) -> None:
    tls = ServerTls(TlsFiles(tmp_path / "tls", Secret(b"a password of the files")), [])
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2
