"""Connections, deployments and Customer Key requests for tests, made as people make them; and what shows each step."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from keyferry.custody.caller import Caller
from keyferry.custody.connection_lookup import ConnectionDetail
from keyferry.custody.connection_writing import NewConnection
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.custody.customer_key_requests import NewRequest
from keyferry.custody.customer_key_shapes import RequestedKey
from keyferry.custody.deployment_lookup import DeploymentDetail
from keyferry.custody.deployment_rules import NewDeployment
from keyferry.custody.deployment_steps import ORDER, Reporter, Step
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.testing import VAULT, Kek, Kit

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-aaaaaaaaaaaa"
CLIENT_SECRET = "Zq8~wharf.lantern_Meadow-0042"
FIRST, SECOND = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000B"
LINE = {
    "id": "purge-protection",
    "subject": "key 1",
    "weight": "required",
    "outcome": "fails",
    "wanted": "Purge protection is on.",
    "found": "It is off.",
    "remedy": "az keyvault update \\\n  --enable-purge-protection true",
    "source": "documented",
}
CONTACTS = {"organization": "Contoso", "authorized_officers": [{"name": "A", "email": "a@example.org"}]}
REMOTE_VERSION = "0123456789abcdef0123456789abcdef"


def client_secret(text: str = CLIENT_SECRET) -> NewCredential:
    return NewCredential(CredentialKind.CLIENT_SECRET, Secret(text.encode()))


def certificate_pem(*, of_another: bool = False, passphrase: bytes | None = None) -> bytes:
    """A self-signed certificate and its private key (or another's), as Azure's tools keep them in one file."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "keyferry")])
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=30))
        .sign(private, SHA256())
    )
    kept = ec.generate_private_key(ec.SECP256R1()) if of_another else private
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    key = kept.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return certificate.public_bytes(Encoding.PEM) + key


def new_connection(name: str = "production", **more: Any) -> NewConnection:
    fields: dict[str, Any] = {
        "name": name,
        "tenant_id": TENANT,
        "client_id": CLIENT,
        "credential": client_secret(),
        "vaults": (VAULT,),
        "groups": ("payments",),
    }
    return NewConnection(**{**fields, **more})


def connect(kit: Kit, name: str = "production", **more: Any) -> ConnectionDetail:
    return kit.custody.connections.create(kit.administrator, new_connection(name, **more))


def place(name: str = "tenant", **more: Any) -> NewDeployment:
    fields: dict[str, Any] = {"vault": VAULT, "name": name, "operations": ("sign", "verify")}
    return NewDeployment(**{**fields, **more})


def plan(kit: Kit, caller: Caller, key: str, **more: Any) -> DeploymentDetail:
    more.setdefault("name", f"at-{new_id()[-12:]}")
    return kit.custody.deployments.plan(caller, key, place(**more))


class Walk:
    """One deployment, and what each of its steps is shown by."""

    def __init__(self, kit: Kit, caller: Caller, detail: DeploymentDetail, kek: Kek, lease: str | None = None) -> None:
        self.kit, self.caller, self.kek, self.lease = kit, caller, kek, lease
        self.id = detail.deployment.id
        self.name = detail.deployment.name

    @property
    def detail(self) -> DeploymentDetail:
        return self.kit.custody.deployments.show(self.kit.administrator, self.id)

    @property
    def remote(self) -> str:
        return f"{VAULT}/keys/{self.name}/{REMOTE_VERSION}"

    def export(self) -> str:
        return self.kit.export(self.caller, self.detail.key.id, self.kek).export.id

    def evidence(self, step: Step) -> dict[str, Any]:
        match step:
            case Step.KEK_READY:
                return {"identifier": self.kek.identifier, "public_key": self.kek.public_pem.decode(), "made": True}
            case Step.EXPORTED:
                return {"export": self.export()}
            case Step.IMPORTED:
                return {"identifier": self.remote, "adopted": False, "other_versions": []}
            case Step.READ_BACK:
                return {
                    "identifier": self.remote,
                    "spki_sha256": self.detail.version.spki_sha256,
                    "type": "EC-HSM",
                    "curve": "P-256",
                    "operations": ["sign", "verify"],
                    "enabled": True,
                    "recovery_level": "Recoverable",
                    "expires": None,
                }
            case Step.PROVED:
                return {"how": "sign", "algorithm": "ES256", "why_not": {}}
            case Step.PLANNED:
                return {}

    def record(self, step: Step, evidence: dict[str, Any] | None = None) -> DeploymentDetail:
        return self.kit.custody.deployments.record(
            self.caller,
            self.id,
            step,
            self.evidence(step) if evidence is None else evidence,
            reported_by=Reporter.CLIENT if self.lease is None else Reporter.SERVER,
            lease=self.lease,
        )

    def to(self, step: Step) -> "Walk":
        """Record every step that remains, up to this one."""
        for each in ORDER[ORDER.index(self.detail.step) + 1 : ORDER.index(step) + 1]:
            self.record(each)
        return self


def walk(kit: Kit, caller: Caller, key: str, kek: Kek, to: Step = Step.PLANNED, **more: Any) -> Walk:
    """A deployment without a connection, as far as `to`."""
    return Walk(kit, caller, plan(kit, caller, key, **more), kek).to(to)


def leased_walk(kit: Kit, caller: Caller, key: str, kek: Kek, **more: Any) -> Walk:
    """A deployment through the connection `production`, held for a push by the server."""
    detail = plan(kit, caller, key, connection="production", **more)
    lease = kit.custody.deployments.lease(caller, detail.deployment.id).lease
    return Walk(kit, caller, detail, kek, lease)


def named(number: int) -> RequestedKey:
    identifier = f"https://kv{number}x.vault.azure.net/keys/exchange"
    return RequestedKey(identifier=identifier, subscription_id=(FIRST, SECOND)[number - 1])


def new_request(**more: Any) -> NewRequest:
    fields: dict[str, Any] = {
        "organization_id": TENANT.upper(),
        "keys": (named(1), named(2)),
        "contacts": CONTACTS,
        "workloads": ("exchange",),
        "group": "payments",
    }
    return NewRequest(**{**fields, **more})
