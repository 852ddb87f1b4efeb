"""Azure Key Vault and Managed HSM: wrapping a key into the transfer file that `az keyvault key import` takes.

The wrapping is CKM_RSA_AES_KEY_WRAP with SHA-1 as OAEP's hash and mask generation hash and an ephemeral AES-256 key:
the only variant that Azure imports (SHA-1's collisions do not touch OAEP, which needs no collision resistance).
"""

import re
import shlex
from dataclasses import dataclass

from keyferry import __version__
from keyferry.byok.identifier import AzureKeyIdentifier, AzureService, parse_key_identifier
from keyferry.byok.kek import KekPublicKey
from keyferry.byok.transfer_file import TransferFile, compose, read_transfer_file
from keyferry.errors import IdentifierRefused, InternalError, InvalidInput, KekRefused
from keyferry.material.algorithms import Algorithm, Family
from keyferry.material.keys import Material
from keyferry.material.wrapping import OaepHash, wrap, wrapped_length

GENERATOR = f"Keyferry {__version__}; software"
"""Tool name and version; source of the key. A hardware root of trust names its module instead of 'software'."""


@dataclass(frozen=True, slots=True)
class AzureKeyType:
    """How `az keyvault key import` is told a key type; RSA-HSM is what it assumes."""

    arguments: tuple[str, ...] = ()
    managed_hsm_only: bool = False


KEY_TYPES: dict[str, AzureKeyType] = {
    "rsa-2048": AzureKeyType(),
    "rsa-3072": AzureKeyType(),
    "rsa-4096": AzureKeyType(),
    "ec-p256": AzureKeyType(("--kty", "EC", "--curve", "P-256")),
    "ec-p384": AzureKeyType(("--kty", "EC", "--curve", "P-384")),
    "ec-p521": AzureKeyType(("--kty", "EC", "--curve", "P-521")),
    "ec-p256k": AzureKeyType(("--kty", "EC", "--curve", "P-256K")),
    "aes-128": AzureKeyType(("--kty", "oct"), managed_hsm_only=True),
    "aes-192": AzureKeyType(("--kty", "oct"), managed_hsm_only=True),
    "aes-256": AzureKeyType(("--kty", "oct"), managed_hsm_only=True),
}
"""Every key type that Azure imports, by Keyferry's name for it. Adding a type means adding a row."""


def wrap_for_azure(
    material: Material,
    kek: KekPublicKey,
    identifier: AzureKeyIdentifier,
    *,
    generator: str = GENERATOR,
    name: str | None = None,
) -> TransferFile:
    """Wrap `material` to `kek` and write the transfer file that names it by `identifier`.

    1. The key's type must be one that the host takes, and the KEK must not say that it is another identifier's.
    2. The key (PKCS#8 DER, or an AES key's bytes) is wrapped: RSA-OAEP (RFC 8017 section 7.1), then AES-KWP (RFC 5649).
    3. The finished file is read again, and every length in it checked.

    Args:
        generator: what the file says of its origin; printable ASCII.
        name: the key's name, for the suggested file name.

    Raises:
        InvalidInput: `target-not-taken` or `target-needs-managed-hsm`.
        KekRefused: `kek-identifier-differs`.
        InternalError: `transfer-file-self-check`, when the finished file is not what it should be; it is not handed
            out.
    """
    require_azure_takes(material.algorithm, identifier)
    require_kek_belongs(kek, identifier)
    ciphertext = wrap(material.secret, kek.key, OaepHash.SHA1)
    content = compose(identifier.text, ciphertext, generator)
    check_transfer_file(content, kek, identifier, plaintext_bytes=len(material.secret), ciphertext=ciphertext)
    return TransferFile.of(
        content, file_name(name or material.algorithm.name), warnings_for(material.algorithm, kek, identifier)
    )


def require_azure_takes(algorithm: Algorithm, identifier: AzureKeyIdentifier) -> None:
    """Refuse a key type that the identifier's host does not import.

    A symmetric key goes to a Managed HSM's host only: a vault refuses it, and of an unknown host nobody can tell what
    it is, so that host is treated as a vault.

    Raises:
        InvalidInput: `target-not-taken` or `target-needs-managed-hsm`.
    """
    key_type = KEY_TYPES.get(algorithm.name)
    if key_type is None:
        raise InvalidInput(
            f"Azure does not import keys of type {algorithm.name}",
            code="target-not-taken",
            field="key",
            advice=f"Use one of {', '.join(KEY_TYPES)}.",
        )
    if key_type.managed_hsm_only and identifier.service is not AzureService.MANAGED_HSM:
        raise InvalidInput(
            f"A Managed HSM alone imports keys of type {algorithm.name}, and {identifier.host} is not known to be one",
            code="target-needs-managed-hsm",
            field="key_identifier",
            advice=(
                "Give the identifier of a key encryption key in a Managed HSM (a host under .managedhsm.azure.net), "
                "or export an RSA or EC key."
            ),
        )


def require_kek_belongs(kek: KekPublicKey, identifier: AzureKeyIdentifier) -> None:
    """Refuse a public key that came with another key identifier than the one given. PEM files name none and pass.

    Raises:
        KekRefused: `kek-identifier-differs`.
    """
    claimed = _claimed_identifier(kek)
    if claimed is not None and claimed.canonical != identifier.canonical:
        raise KekRefused(
            f"The public key came with the identifier {claimed.text}, not {identifier.text}",
            code="kek-identifier-differs",
            field="key_identifier",
            advice="Give the public key and the key identifier of the same key version.",
        )


def check_transfer_file(
    content: bytes, kek: KekPublicKey, identifier: AzureKeyIdentifier, *, plaintext_bytes: int, ciphertext: bytes
) -> None:
    """Read a finished file again and check it against what it was made of, before it is handed out.

    1. It reads under the strict rules. 2. It names the identifier. 3. It holds the ciphertext. 4. The ciphertext is as
    long as the KEK's modulus and the wrapped key together: AES-KWP rounds up to 8 bytes and adds 8 (RFC 5649 section
    4.1).

    Raises:
        InternalError: `transfer-file-self-check`.
    """
    try:
        parts = read_transfer_file(content)
    except InvalidInput as refused:
        raise _self_check(refused.detail) from None
    if parts.kid != identifier.text:
        raise _self_check("it does not name the key identifier that it was made for")
    if parts.ciphertext != ciphertext:
        raise _self_check("its ciphertext reads back differently")
    expected = wrapped_length(plaintext_bytes, kek.bits)
    if len(parts.ciphertext) != expected:
        raise _self_check(f"its ciphertext has {len(parts.ciphertext)} bytes, and must have {expected}")


def warnings_for(algorithm: Algorithm, kek: KekPublicKey, identifier: AzureKeyIdentifier) -> tuple[str, ...]:
    """What a person should know about wrapping such a key to this KEK; sentences, none when all is well."""
    found = list(identifier.warnings)
    if kek.claimed_operations is not None and kek.claimed_operations != ("import",):
        found.append(
            "The key encryption key's JWK does not say that 'import' is its only operation: Azure will refuse the file."
        )
    if algorithm.family is Family.RSA and kek.bits < algorithm.bits:
        found.append(
            f"The key encryption key ({kek.bits} bits) is weaker than the key that it wraps ({algorithm.bits} bits)."
        )
    return tuple(found)


def import_command(identifier: AzureKeyIdentifier, algorithm: Algorithm, *, name: str, file: str) -> str:
    """The `az keyvault key import` line for a transfer file, quoted for a POSIX shell.

    A vault goes by `--vault-name`, a Managed HSM by `--hsm-name`. `az` has no way to name another host but by the whole
    address of the key to be made, so that an unknown host goes by `--id`.

    Args:
        name: the name that the key shall have in Azure; characters that Azure does not take become dashes.
        file: the transfer file's path.
    """
    target = azure_name(name)
    if identifier.vault is None:
        place = ["--id", f"https://{identifier.host}/keys/{target}"]
    else:
        option = "--hsm-name" if identifier.service is AzureService.MANAGED_HSM else "--vault-name"
        place = [option, identifier.vault, "--name", target]
    key_type = KEY_TYPES[algorithm.name]
    return shlex.join(["az", "keyvault", "key", "import", *place, *key_type.arguments, "--byok-file", file])


def azure_name(name: str) -> str:
    """`name` as Azure takes it: 1 to 127 ASCII letters, digits and dashes."""
    return re.sub(r"[^0-9A-Za-z-]", "-", name)[:127] or "key"


def file_name(name: str) -> str:
    """A file name for a key's transfer file: no separators, no leading dash or dot, at most 100 characters."""
    return (re.sub(r"[^0-9A-Za-z._-]", "-", name)[:95].lstrip("-.") or "key") + ".byok"


def _claimed_identifier(kek: KekPublicKey) -> AzureKeyIdentifier | None:
    """The identifier that came with the public key; None when there was none, or when it is no Azure key identifier."""
    if kek.claimed_identifier is None:
        return None
    try:
        return parse_key_identifier(kek.claimed_identifier)
    except IdentifierRefused:
        return None


def _self_check(reason: str) -> InternalError:
    return InternalError(
        f"The finished transfer file failed its own check and was thrown away: {reason}",
        code="transfer-file-self-check",
        advice="Nothing left Keyferry. Report this with the key's type and the size of the key encryption key.",
    )
