"""TLS as a server presents it, kept current while it runs."""

import ssl
from collections.abc import Sequence

from keyferry.certificates import TlsFiles, prepare_certificates


class ServerTls:
    """The context of a server, and its certificate: made where it is missing, renewed before it expires.

    Args:
        names: host names and addresses that clients may use beside the local ones.

    Raises:
        CannotStart: the certificates cannot be made or loaded; says why.
    """

    def __init__(self, files: TlsFiles, names: Sequence[str]) -> None:
        self._files = files
        self._names = names
        prepare_certificates(files, names)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load()

    def renew(self) -> None:
        """Issue the certificate anew if it is time to; connections from then on get the new one."""
        if prepare_certificates(self._files, self._names):
            self._load()

    def _load(self) -> None:
        self.context.load_cert_chain(self._files.certificate, self._files.key, self._files.password.reveal())
