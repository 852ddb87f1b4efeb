"""A small kit for tests, of Keyferry and of what is built on it: an installation on a temporary home, and its people.

    kit = Kit.make(tmp_path)
    kim = kit.key_access_user("kim", groups=("payments",))
    key = kit.custody.keys.generate(kim, NewKey(algorithm="rsa-2048", name="tenant"))

Everything in it is real: the database, the root of trust, the seals. Only the cost of password hashes is lowered.
"""

from dataclasses import dataclass
from pathlib import Path

import pyotp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from keyferry import clock
from keyferry.background import Background
from keyferry.clock import SECOND
from keyferry.config.sources import load_settings, write_settings
from keyferry.custody.accounts import NewUser
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.export_rules import Request
from keyferry.custody.exports import ExportedFile
from keyferry.custody.factors import Again
from keyferry.custody.key_lookup import KeyDetail
from keyferry.custody.keys import NewKey
from keyferry.custody.policy import Role
from keyferry.errors import NotFound
from keyferry.identity.hashing import Cost
from keyferry.identity.opening import SignedIn
from keyferry.installation import Installation, initialise, open_installation
from keyferry.material.secret import Secret

PASSWORD = "mild-harbour-lantern-42"  # noqa: S105  # for tests; nobody's
ADMINISTRATOR = "first-admin"
ADDRESS = "127.0.0.1"
CHEAP = Cost(memory_kib=64, passes=1, lanes=1)
VAULT = "https://contoso-kv.vault.azure.net"


@dataclass(frozen=True, slots=True)
class Kek:
    """A throw-away key encryption key, both halves, with an identifier in a public vault."""

    private: rsa.RSAPrivateKey
    identifier: str

    @classmethod
    def make(cls, bits: int = 2048, name: str = "KEK", version: int = 1) -> "Kek":
        """A fresh RSA key of `bits` bits; `version` fills the identifier's 32 hex digits."""
        return cls(rsa.generate_private_key(65537, bits), f"{VAULT}/keys/{name}/{version:032x}")

    @property
    def public_pem(self) -> bytes:
        """The public half as Azure gives it out: SubjectPublicKeyInfo in PEM."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def private_pem(self) -> bytes:
        """The private half for a witness that unwraps: PKCS#8 in PEM, not encrypted."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def request(self) -> Request:
        """What an exporter gives to have a key wrapped under this one."""
        return Request("azure", self.identifier, self.public_pem)


@dataclass(frozen=True, slots=True)
class App:
    """An authenticator app that a user has set up, and the recovery codes that came with it."""

    factor_id: str
    key: str
    recovery_codes: tuple[str, ...]

    def code(self, later: int = 0) -> str:
        """The code that the app shows so many time steps from now."""
        totp = pyotp.TOTP(self.key)
        return str(totp.generate_otp(totp.timecode(clock.now() // SECOND) + later))


class Kit:
    """An installation on a temporary home, open, with its first Administrator signed in."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.background = Background(installation)
        self.administrator = self.sign_in(ADMINISTRATOR)

    @classmethod
    def make(cls, home: Path, *, database_file: Path | None = None, **settings: object) -> "Kit":
        """Initialise `home` (which may exist, empty) and open it.

        Args:
            database_file: holds a PostgreSQL URL; SQLite in the home without it.
            settings: as in keyferry.toml. No keys are kept ready unless `pool` says so.
        """
        initialise(
            home, admin=ADMINISTRATOR, password=Secret(PASSWORD.encode()), database_file=database_file, cost=CHEAP
        )
        write_settings(home, **{"pool": False, **settings})
        return cls.open(home)

    @classmethod
    def open(cls, home: Path) -> "Kit":
        """Open what `make` made, as a restart would; the environment's settings are left out."""
        return cls(open_installation(load_settings(home, environ={}), cost=CHEAP))

    @property
    def custody(self) -> Custody:
        """Every operation, by the noun that it is about."""
        return self.installation.custody

    def token(self, name: str, password: str = PASSWORD, address: str | None = ADDRESS) -> str:
        """The text of a fresh session's token."""
        return self.session(name, password, address).issued.text.reveal().decode()

    def session(
        self, name: str, password: str = PASSWORD, address: str | None = ADDRESS, *, idle_after: int | None = None
    ) -> SignedIn:
        """A fresh session of somebody for whom a password is enough.

        Raises:
            NotAuthenticated: the sign-in is refused, for any reason.
        """
        signing_in = self.installation.sign_in.sign_in
        came_to = signing_in(name, Secret(password.encode()), address, idle_after=idle_after)
        assert isinstance(came_to, SignedIn), f"the sign-in of {name} needs another step: {came_to.needs}"
        return came_to

    def sign_in(self, name: str, password: str = PASSWORD, address: str | None = ADDRESS) -> Caller:
        """The caller whom a fresh session's token stands for.

        Raises:
            NotAuthenticated: the sign-in is refused, for any reason.
        """
        return self.installation.authenticator.authenticate(self.token(name, password, address), address)

    def user(self, name: str, role: Role = Role.KEY_ACCESS_USER, groups: tuple[str, ...] = ()) -> Caller:
        """Create a user, and the groups where they are missing, and sign in."""
        for group in groups:
            self.group(group)
        new = NewUser(name=name, role=role, password=Secret(PASSWORD.encode()), groups=groups)
        self.custody.users.create(self.administrator, new)
        return self.sign_in(name)

    def set_up_app(self, caller: Caller, password: str = PASSWORD) -> App:
        """Set an authenticator app up for `caller`; the code that it shows now is used by that."""
        factors = self.custody.factors
        new = factors.begin_totp(caller)
        key = new.key.reveal().decode().replace(" ", "")
        code, again = Secret(App("", key, ()).code().encode()), Again(password=Secret(password.encode()))
        kept = factors.add_totp(caller, new.enrolment, "phone", code, again)
        return App(kept.factor.id, key, tuple(each.reveal().decode() for each in kept.codes))

    def group(self, name: str) -> None:
        """See to it that there is a group of this name."""
        try:
            self.custody.groups.show(self.administrator, name)
        except NotFound:
            self.custody.groups.create(self.administrator, name)

    def key(self, caller: Caller, algorithm: str = "aes-256", name: str | None = None, **more: object) -> KeyDetail:
        """Generate a key for `caller`; `more` are further fields of `NewKey`."""
        return self.custody.keys.generate(caller, NewKey(algorithm=algorithm, name=name, **more))  # type: ignore[arg-type]  # as NewKey's fields

    def export(self, caller: Caller, reference: str, kek: Kek) -> ExportedFile:
        """Wrap a key's current version under `kek`, for Azure."""
        return self.custody.exports.export(caller, reference, kek.request)

    def close(self) -> None:
        """Let the database go; the home stays, and can be opened again."""
        self.installation.close()
