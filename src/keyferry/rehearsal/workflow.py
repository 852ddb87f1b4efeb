"""One key's way: from a key exchange key in a vault to the same key in Keyferry and there, and the proof.

The steps have the names that the documentation gives them.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from azure.keyvault.keys import JsonWebKey
from azure.keyvault.keys.crypto import KeyWrapAlgorithm, SignatureAlgorithm

from keyferry.rehearsal import azure_sdk, openssl
from keyferry.rehearsal.commands import USER, Commands, StepFailed
from keyferry.rehearsal.narration import Narration

AZURE, KEYFERRY, MICROSOFT = "Azure Key Vault", "Keyferry", "Microsoft 365"
KEK_BITS = 3072
CUSTOMER_KEY_OPERATIONS = ["wrapKey", "unwrapKey"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A step that is still to be walked."""

    system: str
    title: str
    play: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one key's way is to be. `subscription`: 0 for the first of the two, 1 for the second."""

    subscription: int
    location: str
    vault: str
    key: str
    group: str
    operations: list[str]

    @property
    def vault_url(self) -> str:
        """Where the vault answers, for every client in the world."""
        return f"https://{self.vault}.vault.azure.net"


@dataclass(slots=True)
class Azure:
    """What is known of Azure once it is there. Three are object ids: of who brings keys, and of the
    applications of Microsoft 365 that will use and that check them. `emulator` is an address, `sign_in` a client id.
    """

    subscriptions: list[str]
    tenant: str
    custodian: str
    microsoft: str
    onboarding: str
    emulator: str
    sign_in: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """What every scene plays on."""

    directory: Path
    commands: Commands
    tell: Narration
    azure: Azure


class Journey:
    """The documented workflow for one key and one vault."""

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self.plan = plan
        self._stage = stage
        self._commands = stage.commands
        self._tell = stage.tell
        self._kek_identifier = ""
        self._identifier = ""

    @property
    def kek_file(self) -> Path:
        """The downloaded public key of the key exchange key."""
        return self._stage.directory / f"{self.plan.vault}-kek.pem"

    @property
    def transfer_file(self) -> Path:
        """The exported file."""
        return self._stage.directory / f"{self.plan.key}.byok"

    @property
    def public_file(self) -> Path:
        """The public half of the key, as Keyferry tells it."""
        return self._stage.directory / f"{self.plan.key}.pem"

    @property
    def identifier(self) -> str:
        """The imported key's identifier in the vault, once it is there."""
        return self._identifier

    def before(self) -> Iterator[Scene]:
        """In Azure: a vault and a key exchange key."""
        yield Scene(AZURE, f"Create key vault {self.plan.vault}, pricing tier Premium", self._create_vault)
        yield Scene(AZURE, "Create a key: Generate Key Encryption Key for importing HSM-protected keys", self._kek)
        yield Scene(AZURE, "Record the Key Identifier, and Download public key", self._download)

    def on_the_server(self) -> Iterator[Scene]:
        """In Keyferry: a key, and its export."""
        yield Scene(KEYFERRY, f"+Add Key {self.plan.key}: Asymmetric, RSA-3072, Key Group {self.plan.group}", self.add)
        yield Scene(KEYFERRY, "Export Key: Type Azure, Public Key, Key id", self._export)

    def after(self) -> Iterator[Scene]:
        """In Azure again: the import, and the proof that what arrived is what left."""
        yield Scene(AZURE, f"Create a key: Import {self.transfer_file.name}", self._import)
        yield Scene(AZURE, "See it in the vault's key list", self._see)
        yield Scene(AZURE, "Prove that what arrived is what left", self.prove_by_unwrapping)

    def all(self) -> Iterator[Scene]:
        """Every step, in order."""
        yield from self.before()
        yield from self.on_the_server()
        yield from self.after()

    def _create_vault(self) -> None:
        azure, index = self._stage.azure, self.plan.subscription
        place = ("--subscription", azure.subscriptions[index], "--resource-group", f"customer-key-{index + 1}")
        more = ("--location", self.plan.location, "--access-policies", "--custodian", azure.custodian)
        made = self._commands.facts("azure", "vault", "create", self.plan.vault, *place, *more)
        names = ("id", "url", "sku", "retention_days", "purge_protection")
        self._tell.evidence(**{name: made[name] for name in names})

    def _kek(self) -> None:
        self._tell.call(
            f"KeyClient(…).create_rsa_key('kek', size={KEK_BITS}, hardware_protected=True, key_operations=['import'])"
        )
        client = azure_sdk.key_client(self.plan.vault_url)
        kek = client.create_rsa_key("kek", size=KEK_BITS, hardware_protected=True, key_operations=["import"])
        self._kek_identifier = azure_sdk.identifier_of(kek)
        self._tell.evidence(kty=azure_sdk.type_of(kek), key_operations=[str(each) for each in kek.key_operations])

    def _download(self) -> None:
        self._tell.call("KeyClient(…).get_key('kek')")
        kek = azure_sdk.key_client(self.plan.vault_url).get_key("kek")
        self.kek_file.write_bytes(azure_sdk.public_pem(kek))
        self._tell.evidence(key_identifier=self._kek_identifier, public_key=self.kek_file.name)

    def add(self) -> None:
        """Make the key in Keyferry, and note its public half."""
        words = ("--type", "rsa-3072", "--name", self.plan.key, "--group", self.plan.group)
        made = self._commands.facts("key", "create", *words, by=USER)
        self._commands.run("key", "public-key", self.plan.key, "--output", self.public_file, by=USER)
        names = ("id", "type", "state", "spki_sha256")
        self._tell.evidence(**{name: made[name] for name in names}, group=made["owner"]["group"])

    def _export(self) -> None:
        target = ("--to", "azure", "--public-key", self.kek_file, "--key-identifier", self._kek_identifier)
        words = (*target, "--output", self.transfer_file)
        made = self._commands.facts("key", "export", self.plan.key, *words, by=USER)
        names = ("id", "key_identifier", "kek_sha256", "sha256", "size")
        self._tell.evidence(**{name: made[name] for name in names})

    def _import(self) -> None:
        self._tell.call(f"KeyClient(…).import_key({self.plan.key!r}, JsonWebKey(kty='RSA-HSM', key_hsm=…))")
        content = self.transfer_file.read_bytes()
        jwk = JsonWebKey(kty="RSA-HSM", key_ops=self.plan.operations, t=content)
        key = azure_sdk.key_client(self.plan.vault_url).import_key(self.plan.key, jwk, hardware_protected=True)
        self._identifier = azure_sdk.identifier_of(key)
        self._tell.evidence(key_identifier=self._identifier, sha256_of_the_file=hashlib.sha256(content).hexdigest())

    def _see(self) -> None:
        self._tell.call("KeyClient(…).list_properties_of_keys()")
        listed = sorted(each.name for each in azure_sdk.key_client(self.plan.vault_url).list_properties_of_keys())
        if self.plan.key not in listed:
            raise StepFailed(f"{self.plan.key} is not in the key list of {self.plan.vault}.")
        self._tell.evidence(keys_in_the_vault=listed)

    def compare_public_keys(self) -> None:
        """Compare, byte by byte, the public key that the vault shows with the one that Keyferry holds.

        Raises:
            StepFailed: they differ, or the key is not in an HSM.
        """
        there = azure_sdk.key_client(self.plan.vault_url).get_key(self.plan.key)
        held = openssl.public_key_in(self.public_file)
        if azure_sdk.public_der(there) != held:
            raise StepFailed("The vault's public key is not the one that Keyferry holds.")
        if azure_sdk.type_of(there) != "RSA-HSM":
            raise StepFailed(f"The vault says that the key is {azure_sdk.type_of(there)}, and not RSA-HSM.")
        self._identifier = azure_sdk.identifier_of(there)
        self._tell.evidence(public_keys_equal=True, spki_sha256=hashlib.sha256(held).hexdigest(), kty="RSA-HSM")

    def prove_by_unwrapping(self) -> None:
        """Compare public keys; then encrypt a random value to ours with OpenSSL, and have the vault unwrap it."""
        self.compare_public_keys()
        secret = secrets.token_bytes(32)
        wrapped = openssl.wrap(secret, self.public_file)
        self._tell.call("CryptographyClient(…).unwrap_key('RSA-OAEP-256', …)")
        client = azure_sdk.cryptography_client(self._identifier)
        if client.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped).key != secret:
            raise StepFailed("The vault unwrapped something else than was wrapped for our key.")
        self._tell.evidence(wrapped_here_by="OpenSSL, RSA-OAEP-256", unwrapped_in_the_vault=True)

    def prove_by_signing(self) -> None:
        """Compare public keys; then have the vault sign a random digest, and let OpenSSL verify it with our key."""
        self.compare_public_keys()
        message = secrets.token_bytes(64)
        self._tell.call("CryptographyClient(…).sign('PS256', …)")
        client = azure_sdk.cryptography_client(self._identifier)
        signature = client.sign(SignatureAlgorithm.ps256, hashlib.sha256(message).digest()).signature
        openssl.require_signature(message, signature, self.public_file)
        signed = base64.urlsafe_b64encode(signature)[:16].decode()
        self._tell.evidence(signed_in_the_vault=f"{signed}…", verified_here_by="OpenSSL, RSA-PSS with SHA-256")
