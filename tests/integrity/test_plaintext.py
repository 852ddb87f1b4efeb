"""Nothing secret is in any file but the root key's, nor in the logs, whatever was done; and what was erased is gone."""

import base64
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from sqlalchemy import Engine
from tests.custody.pushing import CLIENT_SECRET, certificate_pem, client_secret, connect
from tests.integrity.behind import Behind

from keyferry.config.settings import Settings
from keyferry.custody.accounts import NewUser
from keyferry.custody.caller import Caller
from keyferry.custody.connection_writing import ConnectionEdit
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.policy import Role
from keyferry.custody.versions import unseal
from keyferry.errors import KeyferryError
from keyferry.material.secret import Secret
from keyferry.server import configure_logs
from keyferry.store.engine import open_engine
from keyferry.store.records import KeyVersion
from keyferry.store.sealed import KEY_VERSIONS, KEYS
from keyferry.testing import ADMINISTRATOR, PASSWORD, VAULT, Kek, Kit

MINUTE = 60 * 10**6


@dataclass
class Secrets:
    """Everything that must not be found, by what it is, in every form in which it could have been written."""

    forms: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, secret: bytes) -> None:
        assert len(secret) >= 10, name  # a shorter one would be found by chance
        plain = base64.b64encode(secret)
        for form, text in (
            ("", secret),
            ("in hex", secret.hex().encode()),
            ("in capital hex", secret.hex().upper().encode()),
            ("in base64", plain.rstrip(b"=")[:-1]),
            ("in base64url", base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1]),
            ("reversed", secret[::-1]),
        ):
            self.forms[f"{name} {form}"] = text

    def add_key(self, name: str, pkcs8: bytes) -> None:
        """The whole encoding, and the numbers in it that alone would do."""
        self.add(f"{name}'s PKCS#8", pkcs8)
        private = load_der_private_key(pkcs8, None)
        if isinstance(private, rsa.RSAPrivateKey):
            numbers = private.private_numbers()
            for what, number in (("d", numbers.d), ("p", numbers.p), ("q", numbers.q), ("dp", numbers.dmp1)):
                self.add(f"{name}'s {what}", number.to_bytes((number.bit_length() + 7) // 8))
        elif isinstance(private, ec.EllipticCurvePrivateKey):
            number = private.private_numbers().private_value
            self.add(f"{name}'s d", number.to_bytes((private.key_size + 7) // 8))

    def found_in(self, places: Mapping[str, bytes]) -> list[str]:
        return [
            f"{what} in {place}" for place, held in places.items() for what, form in self.forms.items() if form in held
        ]


@dataclass
class Work:
    """An installation at work, and all the secrets that pass through it."""

    kit: Kit
    database_file: Path | None
    logs: io.StringIO
    since: str
    secrets: Secrets = field(default_factory=Secrets)

    def learn(self, name: str, detail: KeyDetail) -> KeyDetail:
        """Read a key's material as an export would, and look for it from now on."""
        installation = self.kit.installation

        def read(tx: object) -> bytes:
            key = KEYS.get(tx, installation.sealer, detail.key.id)  # type: ignore[arg-type]  # the store's
            version = KEY_VERSIONS.get(tx, installation.sealer, detail.version.id)  # type: ignore[arg-type]  # the store's
            assert key is not None
            assert version is not None
            return unseal(installation.sealer, key, version).secret.reveal()

        material = installation.store.read(read)
        if detail.key.algorithm.startswith("aes"):
            self.secrets.add(name, material)
        else:
            self.secrets.add_key(name, material)
        return detail

    def files(self) -> dict[str, bytes]:
        """Every file in which something could have been left, and the logs."""
        home = self.kit.installation.settings.home
        places = {
            str(file): file.read_bytes() for file in home.rglob("*") if file.is_file() and file.name != "root.key"
        }
        if self.database_file is not None:
            places |= postgresql_files(self.kit.installation.store.engine, self.since)
        places["the logs"] = self.logs.getvalue().encode()
        return places

    def search(self) -> list[str]:
        return self.secrets.found_in(self.files())


def ask(engine: Engine, sql: str) -> str:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return str(connection.exec_driver_sql(sql).scalar_one())


def write_ahead_file(engine: Engine) -> str:
    """The name of the file that PostgreSQL's write-ahead log is at; names sort as they follow each other."""
    return ask(engine, "SELECT pg_walfile_name(pg_current_wal_lsn())")


def write_ahead_before(database_file: Path) -> str:
    engine = open_engine(database_file.read_text())
    try:
        return write_ahead_file(engine)
    finally:
        engine.dispose()


def postgresql_files(engine: Engine, since: str) -> dict[str, bytes]:
    """All that PostgreSQL has on disk of this database: tables, indexes, TOAST, the write-ahead log `since` a file."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CHECKPOINT")
    directory = Path(ask(engine, "SHOW data_directory"))
    number = ask(engine, "SELECT oid FROM pg_database WHERE datname = current_database()")
    files = [*(directory / "base" / number).iterdir(), *(directory / "global").iterdir(), *directory.glob("*log")]
    last = write_ahead_file(engine)
    files += [file for file in (directory / "pg_wal").iterdir() if since <= file.name <= last]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


@pytest.fixture
def work(make_kit: Callable[..., Kit], database_file: Path | None) -> Iterator[Work]:
    logs = io.StringIO()
    handler = logging.StreamHandler(logs)
    logging.getLogger().addHandler(handler)
    with redirect_stderr(logs), redirect_stdout(logs):
        since = "" if database_file is None else write_ahead_before(database_file)
        kit = make_kit(destruction_pending="0s")
        configure_logs(Settings(home=kit.installation.settings.home, log_level="debug", log_format="json"))
        done = Work(kit, database_file, logs, since)
        secrets = done.secrets
        secrets.add("the Administrator's password", PASSWORD.encode())
        root = (kit.installation.settings.home / "root.key").read_bytes().split(b".")[1]
        secrets.add("the root key", base64.urlsafe_b64decode(root + b"="))
        for generation, data_key in kit.installation.sealer._data_keys.items():
            secrets.add(f"data key {generation}", data_key.reveal())
        secrets.add("the TLS key's password", kit.installation.tls.password.reveal())
        yield done
    structlog.reset_defaults()
    logging.getLogger().removeHandler(handler)


def test_the_search_finds_what_is_there(work: Work) -> None:
    """Otherwise its silence would mean nothing."""
    home = work.kit.installation.settings.home
    assert work.search() == []
    for form in (PASSWORD, PASSWORD.encode().hex(), base64.b64encode(PASSWORD.encode()).decode()):
        (home / "leak.txt").write_text(f"debug: {form}\n")
        assert work.search()
    (home / "leak.txt").unlink()
    assert work.secrets.found_in({"root.key": base64.urlsafe_b64decode(root_text(home))})
    sealed = work.kit.key(work.kit.user("kim"), "aes-256").version.material
    assert sealed is not None
    assert any(sealed in held for held in work.files().values())


def root_text(home: Path) -> bytes:
    return (home / "root.key").read_bytes().split(b".")[1] + b"="


def test_nothing_secret_is_left_by_any_operation(work: Work, kek: Kek) -> None:
    kit, custody, secrets = work.kit, work.kit.custody, work.secrets
    steps: list[str] = []

    def after(step: str) -> None:
        kit.background.tick()
        steps.append(step)
        assert work.search() == [], step

    after("init")
    kim = kit.user("kim", groups=("payments",))
    secrets.add("a session's token", kit.token("kim").encode())
    after("sign-in")
    details = {
        name: work.learn(name, kit.key(kim, name, name))
        for name in ("rsa-2048", "ec-p256", "ec-p521", "aes-128", "aes-256")
    }
    after("generate")
    imported(work, custody.keys.import_, kim)
    after("import")
    kit.export(kim, "rsa-2048", kek)
    kit.export(kim, "ec-p256", kek)
    custody.exports.preview(kim, "ec-p521", kek.request)
    after("export")
    work.learn("the second version", custody.states.rotate(kim, "aes-256"))
    after("rotate")
    connections(work, kim)
    after("connections")
    issued = custody.tokens.create(kim, "robot", 5 * MINUTE)
    secrets.add("an API token", issued.text.reveal())
    secrets.add("an API token's secret", issued.text.reveal().split(b"_")[2])
    custody.tokens.revoke(kim, issued.token.id)
    after("tokens")
    new = Secret(b"brisk-kettle-meadow-19")
    secrets.add("a new password", new.reveal())
    custody.users.set_password(kim, "kim", new, current=Secret(PASSWORD.encode()))
    kim = kit.sign_in("kim", new.reveal().decode())
    refused(lambda: kit.sign_in("kim", "wrong-horse-battery-1"))
    secrets.add("a wrong password", b"wrong-horse-battery-1")
    refused(
        lambda: custody.users.create(
            kit.administrator, NewUser(name="x", role=Role.KEY_ACCESS_USER, password=Secret(b"short"))
        )
    )
    after("passwords")
    custody.states.revoke(kim, "rsa-2048", RevocationReason.KEY_COMPROMISE)
    custody.states.deactivate(kim, "ec-p256")
    for name in ("rsa-2048", "ec-p256"):
        custody.states.destroy(kim, name)
    assert custody.jobs.run() == 2
    after("destroy")
    behind = Behind(kit)
    behind.edit("key_versions", details["aes-128"].version.id, origin="imported")
    refused(lambda: custody.keys.show(kim, "aes-128"))
    behind.engine.dispose()
    after("tampering")
    assert "integrity violation" in work.logs.getvalue()
    home = kit.installation.settings.home
    kit.close()
    assert (
        secrets.found_in({str(file): file.read_bytes() for file in home.rglob("*.*") if file.name != "root.key"}) == []
    )


def imported(work: Work, import_: Callable[..., KeyDetail], kim: object) -> None:
    """A key in the clear, one under a passphrase, and one that is refused."""
    private = rsa.generate_private_key(65537, 2048)
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    work.secrets.add_key("an imported key", plain)
    import_(kim, NewKey(algorithm="rsa-2048", name="imported"), plain)
    passphrase = b"ferry-crosses-at-dawn"
    work.secrets.add("a passphrase", passphrase)
    other = ec.generate_private_key(ec.SECP384R1())
    work.secrets.add_key("another", other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    sealed = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    import_(kim, NewKey(algorithm="ec-p384", name="under-a-passphrase"), sealed, passphrase=Secret(passphrase))
    refused(lambda: import_(kim, NewKey(algorithm="rsa-4096", name="wrong"), plain))
    refused(lambda: import_(kim, NewKey(algorithm="rsa-2048", name="broken"), plain[:-7]))


def connections(work: Work, kim: Caller) -> None:
    """A client secret made, renewed, used and refused, and a certificate with its private key."""
    custody, admin = work.kit.custody, work.kit.administrator
    renewed, pem = "Renewed~quay.Lantern-0077", certificate_pem()
    for name, secret in (("a client secret", CLIENT_SECRET), ("a renewed one", renewed), ("a bad one", "Fog~bank 99")):
        work.secrets.add(name, secret.encode())
    private = load_pem_private_key(pem, None)
    work.secrets.add_key("a certificate", private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    work.secrets.add("a certificate's PEM", pem.split(b"PRIVATE KEY-----")[1].strip()[:60])
    connect(work.kit)
    custody.connections.open(kim, "production", VAULT)
    custody.connections.edit(admin, "production", ConnectionEdit(credential=client_secret(renewed)))
    custody.connections.open(kim, "production", VAULT)
    refused(lambda: custody.connections.open(kim, "production", "https://other-kv.vault.azure.net"))
    refused(lambda: connect(work.kit, "bad", credential=client_secret("Fog~bank 99")))
    connect(work.kit, "certified", credential=NewCredential(CredentialKind.CLIENT_CERTIFICATE, Secret(pem)))
    custody.connections.open(kim, "certified", VAULT)
    behind = Behind(work.kit)
    behind.edit("connections", custody.connections.show(admin, "certified").connection.id, disabled=True)
    refused(lambda: custody.connections.open(kim, "certified", VAULT))
    behind.engine.dispose()


def refused(operation: Callable[[], object]) -> None:
    with pytest.raises(KeyferryError):
        operation()


def sealed_blob(version: KeyVersion) -> bytes:
    assert version.material is not None
    return version.material


def erase(work: Work) -> bytes:
    """Make a key, destroy it, and answer what its sealed material was."""
    kim = work.kit.user("kim")
    detail = work.learn("the erased key", work.kit.key(kim, "rsa-2048", "short-lived"))
    for number in range(40):  # its pages shall be shared with others, and stay in use
        work.kit.key(kim, "aes-256", f"neighbour-{number}")
    work.kit.custody.states.deactivate(kim, "short-lived")
    work.kit.custody.states.destroy(kim, "short-lived")
    assert any(sealed_blob(detail.version) in held for held in work.files().values())
    assert work.kit.custody.jobs.run() == 1
    return sealed_blob(detail.version)


def places_of(work: Work, wanted: bytes) -> set[str]:
    return {Path(place).parent.name for place, held in work.files().items() if wanted in held}


def places_of_either_half(work: Work, blob: bytes) -> set[str]:
    """Where a half of it is: PostgreSQL's write-ahead log puts a header of its own into what crosses its pages."""
    half = len(blob) // 2
    return places_of(work, blob[:half]) | places_of(work, blob[half:])


def test_what_was_erased_is_gone_even_sealed(work: Work) -> None:
    """SQLite: not in the database, not in its write-ahead log.

    PostgreSQL keeps more: the write-ahead log keeps the sealed material until its segments are used again, and so do
    backups. In no table can it be read; without the root of trust, what remains is ciphertext.
    """
    blob = erase(work)
    if work.database_file is None:
        assert places_of(work, blob) == set()
        for part in (blob[:64], blob[64:256], blob[-64:]):
            assert places_of(work, part) == set()
    else:
        assert "pg_wal" in places_of_either_half(work, blob)
        behind = Behind(work.kit)
        assert all(row["material"] != blob for row in behind.rows("key_versions"))
        behind.engine.dispose()
    assert work.search() == []


def test_an_erasure_that_a_reader_held_up_is_finished_later(work: Work) -> None:
    """A reader of an older snapshot needs the old pages: the next run tries again."""
    if work.database_file is not None:
        return
    kim = work.kit.user("kim")
    detail = work.kit.key(kim, "rsa-2048", "short-lived")
    work.kit.custody.states.deactivate(kim, "short-lived")
    work.kit.custody.states.destroy(kim, "short-lived")
    store = work.kit.installation.store

    def read(tx: object) -> set[str]:
        KEYS.get(tx, work.kit.installation.sealer, detail.key.id)  # type: ignore[arg-type]  # the store's
        assert work.kit.custody.jobs.run() == 1
        return places_of(work, sealed_blob(detail.version)[:64])

    assert store.read(read) != set()
    assert work.kit.custody.jobs.run() == 0
    assert places_of(work, sealed_blob(detail.version)[:64]) == set()


def test_what_a_killed_process_erased_and_did_not_scrub_is_scrubbed_by_the_next(work: Work) -> None:
    if work.database_file is not None:
        return
    jobs = type(work.kit.custody.jobs)
    blob = erase_without_scrubbing(work)
    assert places_of(work, blob[:64]) != set()
    jobs(work.kit.installation.store, work.kit.installation.sealer).run()
    assert places_of(work, blob[:64]) == set()


@pytest.mark.parametrize("end", ["replaced", "deleted"])
def test_a_credential_that_was_replaced_or_deleted_is_gone_even_sealed(work: Work, end: str) -> None:
    custody, admin = work.kit.custody, work.kit.administrator
    work.kit.group("payments")
    connect(work.kit)
    custody.jobs.run()
    blob = sealed_credential(work)
    assert places_of_either_half(work, blob) != set()
    if end == "replaced":
        custody.connections.edit(admin, "production", ConnectionEdit(credential=client_secret("Renewed~quay-0077")))
    else:
        custody.connections.delete(admin, "production")
    assert custody.jobs.run() == 0
    assert sealed_credential(work) != blob
    if work.database_file is None:
        assert places_of(work, blob) == set()
    else:  # as with key material, the write-ahead log keeps it until its segments are used again
        assert "pg_wal" in places_of_either_half(work, blob)


def sealed_credential(work: Work) -> bytes:
    """The credential as the one connection's row keeps it; empty when there is none."""
    behind = Behind(work.kit)
    try:
        (row,) = behind.rows("connections")
    finally:
        behind.engine.dispose()
    return bytes(row["credential"] or b"")


def erase_without_scrubbing(work: Work) -> bytes:
    kim = work.kit.user("kim")
    detail = work.kit.key(kim, "rsa-2048", "short-lived")
    work.kit.custody.states.deactivate(kim, "short-lived")
    work.kit.custody.states.destroy(kim, "short-lived")
    jobs = work.kit.custody.jobs
    work.kit.installation.store.write(lambda tx: jobs._settle(tx, detail.version.id))
    return sealed_blob(detail.version)


def test_the_administrators_name_is_found_where_names_may_be(work: Work) -> None:
    """The same search, for something that is no secret: it does look into the database's own files."""
    assert any(ADMINISTRATOR.encode() in held for place, held in work.files().items() if place != "the logs")
