"""SimpleSAMLphp as Debian packages it: an identity provider on loopback, under PHP's own server and not Apache."""

import json
import os
import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.identity.saml_idp import certificate_of

PHP = "/usr/bin/php"
WWW = "/usr/share/simplesamlphp/www"
PEOPLE = {
    "alice:alice-at-the-idp": {"uid": ["alice"], "mail": ["alice@example.org"], "groups": ["pay", "all"]},
    "bob:bob-at-the-idp": {"uid": ["bob"], "mail": ["bob@example.org"], "groups": ["bosses"]},
}


@dataclass
class SimpleSamlPhp:
    """A running one: where it is, and which service providers it knows."""

    folder: Path
    port: int
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metadata(self) -> str:
        with urllib.request.urlopen(f"{self.url}/saml2/idp/metadata.php", timeout=30) as answer:
            return str(answer.read().decode())

    def trust(self, entity_id: str, acs: str, slo: str, certificate: str, **options: Any) -> None:
        """Let a service provider in, as whoever runs the IdP does; what is read anew with each request."""
        encoded = "".join(line for line in certificate.splitlines() if "-----" not in line)
        self.known[entity_id] = {
            "AssertionConsumerService": acs,
            "SingleLogoutService": slo,
            "certData": encoded,
            "NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            "simplesaml.attributes": True,
            **options,
        }
        lines = [f"$metadata[{name!r}] = {_php(each)};" for name, each in self.known.items()]
        write_php(self.folder / "metadata" / "saml20-sp-remote.php", lines)


@contextmanager
def running(folder: Path) -> Iterator[SimpleSamlPhp]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    made = SimpleSamlPhp(folder, port)
    _set_up(made)
    environment = {**os.environ, "SIMPLESAMLPHP_CONFIG_DIR": str(folder / "config"), "PHP_CLI_SERVER_WORKERS": "2"}
    with (folder / "php.log").open("wb") as log:
        command = [PHP, "-d", "error_reporting=0", "-d", "opcache.enable=0", "-S", f"127.0.0.1:{port}", "-t", WWW]
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _await(port, process)
            yield made
        finally:
            os.killpg(process.pid, 15)  # its workers, too: a group of its own
            process.wait(10)


def _set_up(made: SimpleSamlPhp) -> None:
    folder = made.folder
    for name in ("config", "metadata", "cert", "log", "data", "tmp", "sessions"):
        (folder / name).mkdir(parents=True)
    key = rsa.generate_private_key(65537, 2048)
    (folder / "cert" / "idp.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "cert" / "idp.crt").write_bytes(certificate_of(key).public_bytes(Encoding.PEM))
    config = {
        "baseurlpath": f"{made.url}/",
        "certdir": f"{folder}/cert/",
        "loggingdir": f"{folder}/log/",
        "datadir": f"{folder}/data/",
        "tempdir": f"{folder}/tmp",
        "metadatadir": f"{folder}/metadata/",
        "secretsalt": secrets.token_hex(16),
        "auth.adminpassword": secrets.token_hex(16),
        "technicalcontact_name": "Nobody",
        "technicalcontact_email": "na@example.org",
        "timezone": "UTC",
        "logging.handler": "file",
        "logging.level": 7,
        "errorreporting": False,
        "showerrors": True,
        "debug": {"saml": False, "backtraces": True, "validatexml": False},
        "enable.saml20-idp": True,
        "enable.adfs-idp": False,
        "module.enable": {"exampleauth": True, "core": True, "saml": True},
        "session.cookie.secure": False,
        "session.cookie.samesite": None,
        "session.phpsession.savepath": f"{folder}/sessions",
        "session.phpsession.cookiename": "SimpleSAML",
        "session.authtoken.cookiename": "SimpleSAMLAuthToken",
        "session.duration": 28800,
        "session.datastore.timeout": 14400,
        "session.state.timeout": 3600,
        "store.type": "phpsession",
        "language.available": ["en"],
        "language.default": "en",
        "theme.use": "default",
        "metadata.sources": [{"type": "flatfile"}],
        "metadata.sign.enable": False,
        "trusted.url.domains": None,
        "proxy": None,
    }
    write_php(folder / "config" / "config.php", [f"$config = {_php(config)};"])
    sources = f"$config = ['userpass' => array_merge(['exampleauth:UserPass'], {_php(PEOPLE)})];"
    write_php(folder / "config" / "authsources.php", [sources])
    hosted = {
        "host": "__DEFAULT__",
        "privatekey": "idp.pem",
        "certificate": "idp.crt",
        "auth": "userpass",
        "signature.algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "saml20.sign.response": True,
        "saml20.sign.assertion": True,
        "sign.logout": True,
        "validate.logout": True,
        "NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "authproc": {"3": {"class": "saml:AttributeNameID", "attribute": "uid", "Format": _PERSISTENT}},
    }
    write_php(folder / "metadata" / "saml20-idp-hosted.php", [f"$metadata['{made.url}/idp'] = {_php(hosted)};"])
    write_php(folder / "metadata" / "saml20-sp-remote.php", [])


_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"


def write_php(file: Path, lines: list[str]) -> None:
    file.write_text("\n".join(["<?php", *lines, ""]))


def _php(value: Any) -> str:
    """As PHP writes it: JSON's texts with no dollar in them are PHP's."""
    if isinstance(value, dict):
        return "[" + ", ".join(f"{_php(_key(name))} => {_php(each)}" for name, each in value.items()) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_php, value)) + "]"
    return json.dumps(value).replace("$", "\\$").replace("\\/", "/")


def _key(name: str) -> str | int:
    return int(name) if name.isdigit() else name


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "PHP's server ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("PHP's server did not start")
