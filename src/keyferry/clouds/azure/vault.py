"""Keys in one vault or Managed HSM, through the SDK's own clients.

Reads, and uses of a key, are repeated by the SDK a few times when the vault is busy. What makes a key or a version is
sent once: whether a dropped answer meant success, only a look can tell.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from keyferry.clouds.azure.facts import DeletedVaultKey, ListedKey, VaultKey
from keyferry.clouds.azure.failures import understood
from keyferry.clouds.azure.hosts import read_origin, vault_origin
from keyferry.clouds.azure.reading import deleted_fact, key_fact, listed_fact, name_and_version
from keyferry.clouds.azure.request import Request
from keyferry.clouds.azure.session import AzureSession, require_sdk
from keyferry.errors import CloudFailed, InvalidInput

if TYPE_CHECKING:  # the SDK is loaded when it is used
    from azure.keyvault.keys import KeyClient
    from azure.keyvault.keys.crypto import CryptographyClient

T = TypeVar("T")

_ONCE: Final[Mapping[str, Any]] = {"retry_total": 0}
# Asking for the same signature again does no harm, so that a POST may be repeated as a GET is.
_AGAIN: Final[Mapping[str, Any]] = {"retry_on_methods": ["GET", "POST"]}


class AzureVault:
    """The keys of one vault.

    Args:
        url: `https://HOST`, as a vault's overview page has it.

    Raises:
        InvalidInput: that is no vault's address.
        CloudFailed: (`azure-host-refused`) its host is not allowed.

    Every method raises what `keyferry.clouds.azure.failures` tells of; what is said below comes on top of that.
    """

    def __init__(self, session: AzureSession, url: str) -> None:
        self._session = session
        self._origin = vault_origin(url, session.outgoing.allowed)
        self._made: KeyClient | None = None

    @property
    def url(self) -> str:
        """Lower case, without a slash at the end."""
        return self._origin.url

    def get(self, name: str, version: str | None = None) -> VaultKey:
        """One version of a key; the current one when none is named."""
        with self._asking(f"show the key {name}", name, "get"):
            return key_fact(self._client.get_key(name, version))

    def find(self, name: str) -> VaultKey | None:
        """The current version of a key; None when the vault has no key of this name."""
        return _unless_missing(lambda: self.get(name))

    def list(self) -> tuple[ListedKey, ...]:
        """All keys, each without a version."""
        with self._asking("list its keys", None, "list"):
            return tuple(listed_fact(each) for each in self._client.list_properties_of_keys())

    def versions(self, name: str) -> tuple[ListedKey, ...]:
        """All versions of a key, newest first; none when the vault has no key of this name."""
        with self._asking(f"list the versions of the key {name}", name, "list"):
            found = [listed_fact(each) for each in self._client.list_properties_of_key_versions(name)]
        return tuple(sorted(found, key=lambda each: each.created or 0, reverse=True))

    def deleted(self, name: str) -> DeletedVaultKey | None:
        """The deleted key that holds this name; None when there is none."""

        def look() -> DeletedVaultKey:
            with self._asking(f"show the deleted key {name}", name, "get"):
                return deleted_fact(self._client.get_deleted_key(name))

        return _unless_missing(look)

    def create_kek(self, name: str, bits: int, *, tags: Mapping[str, str] | None = None) -> VaultKey:
        """Make a key encryption key: RSA-HSM, whose one operation is `import`. Sent once.

        Args:
            bits: 2048, 3072 or 4096.

        Raises:
            AnswerLost: it may have been made; look with `find`.
        """
        with self._asking(f"create the key encryption key {name}", name, "create", changes=True):
            made = self._client.create_rsa_key(
                name,
                size=bits,
                hardware_protected=True,
                key_operations=["import"],
                enabled=True,
                tags=dict(tags) if tags else None,
                **_ONCE,
            )
            return key_fact(made)

    def import_file(
        self,
        name: str,
        content: bytes,
        *,
        kty: str,
        curve: str | None = None,
        operations: Sequence[str] | None = None,
        enabled: bool = True,
        tags: Mapping[str, str] | None = None,
    ) -> VaultKey:
        """Import a transfer file as a key of this name, or as its new version. Sent once.

        Args:
            content: the whole file, as its bytes.
            kty: `RSA-HSM`, `EC-HSM` or, in a Managed HSM, `oct-HSM`.
            curve: of an EC key: `P-256`, `P-384`, `P-521` or `P-256K`.
            operations: what the key may do there; None leaves that to Azure, which allows everything.

        Raises:
            AnswerLost: it may have been imported; look with `find` or `versions` before doing it again.
        """
        with self._asking(f"import the key {name}", name, "import", changes=True):
            from azure.keyvault.keys import JsonWebKey

            jwk = JsonWebKey(kty=kty, crv=curve, key_ops=None if operations is None else [*operations], t=content)
            imported = self._client.import_key(name, jwk, enabled=enabled, tags=dict(tags) if tags else None, **_ONCE)
            return key_fact(imported)

    def backup(self, name: str) -> bytes:
        """The vault's own backup of a key with all its versions; only a vault of the same subscription restores it."""
        with self._asking(f"back up the key {name}", name, "backup"):
            blob: bytes = self._client.backup_key(name, **_AGAIN)
        if not blob:
            raise _no_bytes(self._origin.host)
        return blob

    def unwrap(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
        """Have a key version unwrap `ciphertext`; `algorithm` is Azure's name, such as `RSA-OAEP-256`.

        Raises:
            InvalidInput: the identifier is not one of this vault's.
        """
        name, client = self._key(identifier)
        with self._asking(f"unwrap with the key {name}", name, "unwrapKey"):
            return _bytes(client().unwrap_key(_algorithm("KeyWrapAlgorithm", algorithm), ciphertext, **_AGAIN).key)

    def decrypt(self, identifier: str, algorithm: str, ciphertext: bytes) -> bytes:
        """Have a key version decrypt `ciphertext`.

        Raises:
            InvalidInput: the identifier is not one of this vault's.
        """
        name, client = self._key(identifier)
        with self._asking(f"decrypt with the key {name}", name, "decrypt"):
            return _bytes(
                client().decrypt(_algorithm("EncryptionAlgorithm", algorithm), ciphertext, **_AGAIN).plaintext
            )

    def sign(self, identifier: str, algorithm: str, digest: bytes) -> bytes:
        """Have a key version sign a digest.

        Args:
            algorithm: such as `PS256` or `ES384` (RFC 7518 section 3.1); EC signatures are R and S one after the other.
            digest: of the hash that the algorithm names.

        Raises:
            InvalidInput: the identifier is not one of this vault's.
        """
        name, client = self._key(identifier)
        with self._asking(f"sign with the key {name}", name, "sign"):
            return _bytes(client().sign(_algorithm("SignatureAlgorithm", algorithm), digest, **_AGAIN).signature)

    @contextmanager
    def _asking(self, what: str, key: str | None, permission: str, *, changes: bool = False) -> Iterator[None]:
        field = None if key is None else "name"
        request = Request(
            place=str(self._origin), what=what, key=key, permission=permission, changes=changes, field=field
        )
        require_sdk("azure.core", "azure.keyvault.keys")
        with understood(request):
            yield

    @property
    def _client(self) -> "KeyClient":
        """The SDK's client, made when first used."""
        if self._made is None:
            from azure.keyvault.keys import KeyClient
            from azure.keyvault.keys._shared import http_challenge_cache

            # The SDK remembers for the whole process which tenant a vault belongs to. Another session may know better.
            http_challenge_cache.remove_challenge_for_url(self.url)
            self._made = KeyClient(
                self.url,
                self._session.credential,
                verify_challenge_resource=self._session.cloud.verify_challenge,
                **self._session.options(self.url),
            )
        return self._made

    def _key(self, identifier: str) -> "tuple[str, Callable[[], CryptographyClient]]":
        """The name in an identifier, and what makes a client for that key version."""
        try:
            name, version = name_and_version(identifier)
        except ValueError:
            name = version = ""
        if not name or read_origin(identifier) != self._origin:
            raise InvalidInput(
                f"The key identifier is not one of a key version in {self._origin}",
                field="key_identifier",
                advice=f"It has the form {self.url}/keys/NAME/VERSION; list them: "
                f"az keyvault key list-versions --id {self.url}/keys/NAME",
            )
        return name, lambda: self._client.get_cryptography_client(name, key_version=version)


def _unless_missing(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except CloudFailed as failed:
        if failed.code == "azure-not-found":
            return None
        raise


def _algorithm(kind: str, name: str) -> Any:
    """The SDK's member for an algorithm's name; it takes no text.

    Raises:
        InvalidInput: Azure has no such algorithm.
    """
    from azure.keyvault.keys import crypto

    try:
        return getattr(crypto, kind)(name)
    except ValueError:
        known = ", ".join(each.value for each in getattr(crypto, kind))
        raise InvalidInput(
            f"{name!r} is no algorithm of a vault's keys", field="algorithm", advice=f"Give one of {known}."
        ) from None


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("an answer without the value that was asked for")
    return value


def _no_bytes(host: str) -> CloudFailed:
    return CloudFailed(
        f"{host} answered without the bytes that were asked for",
        code="azure-answer-refused",
        advice="Try again; if it stays so, something between here and Azure changes answers.",
    )
