"""What the doors need of the rest of the house; the composition root puts it together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from keyferry.certificates import ServedCertificate
from keyferry.config.settings import Settings
from keyferry.custody.backups import LastBackup
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.set_up import SetUp
from keyferry.deployments.push import Wishes
from keyferry.doors.figures import Figures
from keyferry.doors.workers import Crew
from keyferry.identity.certificates import CertificateAuthenticator
from keyferry.identity.sign_in import Authenticator, SignIn
from keyferry.identity.single_sign_on import SingleSignOn


class Pushes(Protocol):
    """What the server does in a cloud for a caller, through a connection: `keyferry.deployments.server_push`."""

    def run(self, caller: Caller, deployment: str, wishes: Wishes = ...) -> DeploymentDetail:
        """Walk the steps of a deployment that remain, as the caller wishes.

        Raises:
            KeyferryError: what stopped it, recorded as the deployment's problem.
        """
        ...

    def observe(self, caller: Caller, deployment: str) -> DeploymentDetail:
        """Look at what is in the vault, and record it."""
        ...

    def back_up(self, caller: Caller, deployment: str) -> bytes:
        """Have the vault back the key up, record that, and answer the vault's file, which is kept nowhere."""
        ...

    def validate(
        self, caller: Caller, request: str, *, principals: Mapping[str, str] = ..., accept_unseen: bool = False
    ) -> CustomerKeyDetail:
        """Check both keys of a Customer Key request where they are, and mark it accordingly.

        Args:
            principals: object ids of service principals, by application id.
            accept_unseen: the caller vouches for what could not be seen.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What custody does not know of the installation that serves; no secrets.

    Attributes:
        root: its URI; `root_fingerprint` names its key without revealing it, 16 hex digits.
        data_keys: how many generations there are; the newest seals.
        certificate: None for a server that speaks plain HTTP.
    """

    version: str
    store_id: str
    database: str
    schema: str
    root: str
    root_fingerprint: str
    data_keys: int
    pool: Mapping[str, tuple[int, int]]
    last_backup: LastBackup | None
    certificate: ServedCertificate | None


@dataclass(frozen=True, slots=True)
class Services:
    """
    Args:
        pushes: None for a server that was built without Azure's SDK.
        certificates: knows callers by client certificates; None where no listener asks for any.
        set_up: makes the first Administrator.
        facts: of the installation that serves, as they are now; read in a worker thread.
        single_sign_on: through identity providers.
        ready: returns when the server can serve; raises a KeyferryError that says why it cannot.
    """

    custody: Custody
    sign_in: SignIn
    authenticator: Authenticator
    settings: Settings
    crew: Crew
    figures: Figures
    ready: Callable[[], None]
    pushes: Pushes | None = None
    certificates: CertificateAuthenticator | None = None
    set_up: SetUp | None = None
    facts: Callable[[], ServerFacts] | None = None
    single_sign_on: SingleSignOn | None = None
