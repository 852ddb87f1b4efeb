"""TLS as a server presents it, kept current while it runs."""

import ssl
from collections.abc import Iterable, Sequence

import structlog

from keyferry.certificates import TlsFiles, prepare_certificates

log = structlog.get_logger("keyferry.tls")


class ServerTls:
    """The contexts of a server, and its certificate: made where it is missing, renewed before it expires.

    Args:
        names: host names and addresses that clients may use beside the local ones.

    Attributes:
        context: for listeners that ask for no certificate.

    Raises:
        CannotStart: the certificates cannot be made or loaded; says why.
    """

    def __init__(self, files: TlsFiles, names: Sequence[str]) -> None:
        self._files = files
        self._names = names
        self._contexts: list[ssl.SSLContext] = []
        prepare_certificates(files, names)
        self.context = self._made()

    def renew(self) -> None:
        """Issue the certificate anew if it is time to; connections from then on get the new one."""
        if prepare_certificates(self._files, self._names):
            for context in self._contexts:
                self._load(context)

    def asking(self) -> ssl.SSLContext:
        """A further context, for a listener that asks clients for a certificate, and lets those in who have none.

        A certificate that is presented has to lead to one that `trust` was given, which may be itself; else the
        connection ends. Each connection proves anew that it holds the private key: no session of TLS is resumed.
        """
        context = self._made()
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        return context

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(context)
        self._contexts.append(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._files.certificate, self._files.key, self._files.password.reveal())


def trust(context: ssl.SSLContext, certificates: Iterable[bytes]) -> None:
    """Let clients come through TLS with these certificates (DER), or with one that an authority among them has issued.

    Connections from then on have it so. What OpenSSL does not take is logged, and left out.
    """
    for certificate in certificates:
        try:
            context.load_verify_locations(cadata=certificate)
        except (ssl.SSLError, ValueError):
            log.exception("client certificate not loaded")
