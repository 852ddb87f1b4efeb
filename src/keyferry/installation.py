"""An installation: its home, its store, its root of trust. Made once by `initialise`, opened by every start."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError

from keyferry.certificates import TlsFiles, fingerprint, prepare_certificates
from keyferry.clock import SECOND
from keyferry.config.settings import Settings
from keyferry.config.sources import SETTINGS_FILE, load_settings, read_database_url, write_settings
from keyferry.custody.custody import Custody, Rules
from keyferry.custody.founding import (
    Administrator,
    add_first_administrator,
    found_store,
    is_founded,
    newest_generation,
    open_sealer,
    unwrapped,
    wrapped_data_keys,
)
from keyferry.custody.names import check_user_name
from keyferry.custody.passkeys import RelyingParty
from keyferry.custody.server_policy_row import establish_server_policy
from keyferry.custody.set_up import SetUp
from keyferry.errors import CannotStart, InternalError
from keyferry.identity import tokens
from keyferry.identity.certificates import CertificateAuthenticator
from keyferry.identity.fetching import Fetcher
from keyferry.identity.hashing import RFC_9106_LOW_MEMORY, Cost, PasswordHashing
from keyferry.identity.key_sets import KeySets
from keyferry.identity.passwords import check_new_password
from keyferry.identity.provider_sign_in import ProviderSignIn
from keyferry.identity.sign_in import Authenticator, SignIn
from keyferry.identity.single_sign_on import SingleSignOn
from keyferry.identity.workload_sign_in import WorkloadSignIn
from keyferry.material.sealing import Sealer
from keyferry.material.secret import Secret
from keyferry.private_files import create_private
from keyferry.roots.base import Root, fingerprint_in
from keyferry.roots.opening import create_root, open_root
from keyferry.roots.passphrase_source import PassphraseSource
from keyferry.roots.pending import read_pending
from keyferry.store.engine import open_engine, sqlite_url
from keyferry.store.migrating import newest, present, require_newest, upgrade
from keyferry.store.store import Store

log = structlog.get_logger("keyferry.installation")


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `initialise` made."""

    home: Path
    store_id: str
    database: str
    root: str
    root_fingerprint: str
    ca_file: Path
    ca_fingerprint: str
    administrator: str | None


@dataclass(frozen=True, slots=True)
class Installation:
    """An open installation: close it when done."""

    settings: Settings
    store: Store
    sealer: Sealer
    custody: Custody
    sign_in: SignIn
    authenticator: Authenticator
    certificates: CertificateAuthenticator
    root: Root
    set_up: SetUp
    provider_sign_in: ProviderSignIn
    single_sign_on: SingleSignOn

    @property
    def root_fingerprint(self) -> str:
        """Names the root key without revealing it: 16 hex digits."""
        return self.root.fingerprint

    @property
    def tls(self) -> TlsFiles:
        """Where its certificates are, and the password of their keys."""
        return tls_files(self.settings.home, self.sealer)

    def learn_data_keys(self) -> None:
        """See to it that the newest data key is known: another process may have made one. For every few seconds."""
        try:
            self.sealer.learn(self.store.read(newest_generation))
        except InternalError as error:
            log.critical("new data key not opened", detail=error.detail, advice=error.advice)

    def close(self) -> None:
        """Finish the writes that wait, and let the database go."""
        self.store.close()


@dataclass(frozen=True, slots=True)
class Making:
    """A home that is being made: its settings, and its store, which is empty."""

    settings: Settings
    store: Store
    _undo: ExitStack

    def keep(self) -> None:
        """From now on, what was made stays where it is, whatever happens."""
        self._undo.pop_all()
        self._undo.callback(self.store.close)


@contextmanager
def making_home(home: Path, chosen: Mapping[str, object]) -> Iterator[Making]:
    """A new home, taken away again if the block fails.

    Args:
        chosen: settings, which the block writes when all else is done.

    Raises:
        CannotStart: (`already-initialised`) the home or the database is in use; or a setting will not do.
    """
    _require_unused(home)
    with ExitStack() as undo:
        undo.callback(_remove_if_empty, home, existed=home.exists())
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = load_settings(home, given=chosen)
        if settings.database_file is None:
            create_private(settings.sqlite_file, b"", what="database")
            undo.callback(_take_back, home)  # only now: who comes second takes nothing from the first
        store = _open_store(settings)
        undo.callback(store.close)
        _require_empty(store)
        if settings.database_file is not None:
            undo.callback(_take_back, home)
        yield Making(settings, store, undo)
        undo.pop_all()
        store.close()


def initialise(
    home: Path,
    *,
    admin: str | None = None,
    password: Secret | None = None,
    root: str | None = None,
    database_file: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    cost: Cost = RFC_9106_LOW_MEMORY,
) -> Initialised:
    """Make an installation.

    1. Everything that was given is judged. 2. The tables. 3. The root of trust, and the data key under it. 4. The first
    Administrator; without one, the set-up page makes them when the server runs. 5. The certificate authority and the
    server's certificate. 6. The settings.

    If it fails, what it put into the home is taken away again; not once a PostgreSQL database holds a data key, which
    only the root of trust in the home opens.

    Raises:
        CannotStart: (`already-initialised`) the home or the database is in use; or a setting will not do.
        InvalidInput: the Administrator's name or password will not do.
    """
    if admin is not None:
        check_user_name(admin)
        check_new_password(password or Secret(b""), user_name=admin)
    given: Mapping[str, object] = {"root": root, "database_file": database_file}
    chosen = {name: value for name, value in given.items() if value is not None}
    with making_home(home, chosen) as making:
        settings, store = making.settings, making.store
        progress("making the tables")
        upgrade(store.engine)
        progress("making the root of trust")
        opened = create_root(settings.root, home, PassphraseSource.of(settings.root_passphrase_file))
        sealer = found_store(store, opened)
        establish_server_policy(store, sealer)
        if settings.database_file is not None:
            making.keep()
        if admin is not None and password is not None:
            progress("making the first Administrator")
            hashing = PasswordHashing(settings.hash_queue, cost)
            add_first_administrator(store, sealer, Administrator(admin, hashing.prepare(password, admin)))
        progress("making the server's certificate")
        files = tls_files(home, sealer)
        prepare_certificates(files, settings.tls_names)
        write_settings(home, **chosen)
    return Initialised(
        home=home,
        store_id=sealer.store_id,
        database="SQLite" if settings.database_file is None else "PostgreSQL",
        root=settings.root,
        root_fingerprint=opened.fingerprint,
        ca_file=files.authority,
        ca_fingerprint=fingerprint(files.authority),
        administrator=admin,
    )


def open_installation(settings: Settings, cost: Cost = RFC_9106_LOW_MEMORY) -> Installation:
    """Open the store under its root of trust, and put custody and identity on it.

    Raises:
        CannotStart: the home is not initialised, the schema is another release's, or the root of trust does not open.
    """
    _require_store(settings)
    store = _open_store(settings)
    try:
        require_newest(store.engine)
        root = open_root_of(store, settings, PassphraseSource.of(settings.root_passphrase_file))
        sealer = open_sealer(store, root, partial(_look_again, settings, root))
        establish_server_policy(store, sealer)
    except BaseException:
        store.close()
        raise
    hashing = PasswordHashing(settings.hash_queue, cost)
    fetcher = Fetcher.of(settings)
    rules = Rules(
        kek_policy=settings.kek_policy,
        destruction_pending=settings.destruction_pending * SECOND,
        session_lifetime=settings.token_lifetime * SECOND,
        pool=settings.pool_sizes,
        fetch=fetcher.published,
        may_fetch=lambda url, field: fetcher.require(url, field=field),
        relying_party=None if settings.passkey_origin is None else RelyingParty(*settings.passkey_origin),
    )
    custody = Custody(store, sealer, rules, hashing, _issue)
    sign_in = SignIn(custody, hashing)
    set_up = SetUp(custody.gate, hashing)
    provider_sign_in = ProviderSignIn(custody, sign_in)
    key_sets = KeySets(fetcher)
    return Installation(
        settings=settings,
        store=store,
        sealer=sealer,
        custody=custody,
        sign_in=sign_in,
        certificates=CertificateAuthenticator(custody),
        authenticator=Authenticator(custody, WorkloadSignIn(custody, key_sets)),
        root=root,
        set_up=set_up,
        provider_sign_in=provider_sign_in,
        single_sign_on=SingleSignOn(custody, provider_sign_in, sealer, settings.public_url, fetcher, key_sets),
    )


def open_root_of(store: Store, settings: Settings, source: PassphraseSource) -> Root:
    """The root of trust that the store's data keys are under: the setting's, or that of a change which was cut off.

    Raises:
        CannotStart: (`root-unavailable`) it does not open.
    """
    pending = read_pending(settings.home)
    wrapped = [] if pending is None else list(wrapped_data_keys(store).values())
    if pending is None or not wrapped or fingerprint_in(wrapped[0]) != pending.fingerprint:
        return open_root(settings.root, settings.home, source)
    file = pending.passphrase_file
    return open_root(pending.now, settings.home, source if file is None else replace(source, file=Path(file)))


def upgrade_store(settings: Settings) -> str:
    """Run the migrations that the store lacks; answers the revision reached."""
    _require_store(settings)
    store = _open_store(settings)
    try:
        return upgrade(store.engine)
    finally:
        store.close()


def tls_files(home: Path, sealer: Sealer) -> TlsFiles:
    """The certificates in `home`, with their keys' password: 64 hex digits, derived from the store's first data key.

    It is the first one's for good, so that the keys still open when newer data keys have come.
    """
    password = Secret(sealer.derive("tls key password", generation=1).reveal().hex().encode())
    return TlsFiles(home / "tls", password)


def _look_again(settings: Settings, root: Root, store_id: str) -> Mapping[int, Secret]:
    """The store's data keys as they are now. The root may have been changed since this process has opened its own.

    On a connection of its own: whoever needs them may hold the last one of the pool.

    Raises:
        InternalError: they are under a root that this process cannot open without being asked for a passphrase.
    """
    store = Store(open_engine(_database(settings), pool_size=1))
    try:
        wrapped = wrapped_data_keys(store)
        try:
            return unwrapped(store_id, wrapped, root)
        except CannotStart:
            fresh = load_settings(settings.home)
            source = replace(PassphraseSource.of(fresh.root_passphrase_file), prompt=None)
            return unwrapped(store_id, wrapped, open_root_of(store, fresh, source))
    except CannotStart as error:
        raise InternalError(
            f"A new data key cannot be opened: {error.detail}",
            advice="Start the server again, so that it opens the root of trust that is there now.",
        ) from None
    finally:
        store.close()


def _open_store(settings: Settings) -> Store:
    """The store, once its database has answered.

    Raises:
        CannotStart: the database cannot be reached or opened; with what it said.
    """
    store = Store(open_engine(_database(settings)))
    try:
        store.read(lambda _: None)
    except (DBAPIError, store.engine.dialect.loaded_dbapi.Error) as error:
        store.close()
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CannotStart(
            f"The database cannot be opened: {said}",
            field="database_file" if settings.database_file else "home",
            advice="Check that it runs, and what database_file says." if settings.database_file else "Check the home.",
        ) from None
    return store


def _require_store(settings: Settings) -> None:
    if settings.database_file is None and not settings.sqlite_file.exists():
        raise CannotStart(
            f"{settings.home} holds no store.",
            code="not-initialised",
            field="home",
            advice=f"Run `keyferry init --home {settings.home}` first, or name the right home.",
        )


def _database(settings: Settings) -> str:
    url = read_database_url(settings)
    if url is not None:
        return url.reveal().decode()
    return sqlite_url(settings.sqlite_file).render_as_string(hide_password=False)


def _require_unused(home: Path) -> None:
    if home.exists() and any(name for name in home.iterdir() if name.name != SETTINGS_FILE):
        raise CannotStart(
            f"{home} is not empty.",
            code="already-initialised",
            field="home",
            advice=(
                "Choose another home; an installation is never made over another. If `keyferry init` failed or was "
                "interrupted here, remove what it left, and give it an empty database again."
            ),
        )


def _require_empty(store: Store) -> None:
    """
    Raises:
        CannotStart: the database is in use: by an installation, or at a revision that this release does not make.
    """
    found = present(store.engine)
    if found is not None and (found != newest() or is_founded(store)):
        raise CannotStart(
            "The database holds a store already.",
            code="already-initialised",
            field="database_file",
            advice="Give an empty database, or serve the one that is there.",
        )


def _take_back(home: Path) -> None:
    """Remove what `initialise` has put into the home; it had held nothing but settings."""
    for path in home.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != SETTINGS_FILE:
            path.unlink()


def _remove_if_empty(home: Path, *, existed: bool) -> None:
    if not existed:
        with suppress(OSError):  # there is something in it, or it was never made
            home.rmdir()


def _issue(token_id: str) -> tuple[Secret, bytes]:
    issued = tokens.issue(token_id)
    return issued.text, issued.digest
