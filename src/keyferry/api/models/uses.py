"""Uses of keys, as requests and answers."""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, StringConstraints

from keyferry.api.models.values import Answer, Request, VersionNumber, base64url, bytes_of
from keyferry.custody.use_values import Ciphertext, Opened, Payload, Protected, Signed, Use, Verified
from keyferry.material.secret import Secret
from keyferry.material.using.ciphering import MOST_BYTES
from keyferry.material.using.methods import METHODS
from keyferry.material.using.signing import SignatureFormat

#: more than custody takes, so that what is too long is refused in its words
_MOST_CHARACTERS: Final = 96 * 1024
_BASE64URL: Final = f"Base64url without padding, of at most {MOST_BYTES} bytes."

UseAlgorithm = StrEnum("UseAlgorithm", {name.upper().replace("-", "_"): name for name in METHODS})  # type: ignore[misc]  # from the one table of algorithms

Bytes = Annotated[str, StringConstraints(max_length=_MOST_CHARACTERS), Field(description=_BASE64URL)]
HiddenBytes = Annotated[SecretStr, Field(max_length=_MOST_CHARACTERS, description=_BASE64URL)]
CiphertextBytes = Annotated[
    str,
    StringConstraints(max_length=_MOST_CHARACTERS),
    Field(description="Base64url without padding; without its envelope only together with `version`."),
]


class _Using(Request):
    """By which algorithm; without one, by the key type's default, or the one that the envelope names."""

    algorithm: UseAlgorithm | None = None

    def named(self) -> str | None:
        """The algorithm's name."""
        return None if self.algorithm is None else self.algorithm.value


class Encryption(_Using):
    """What to encrypt. `associated_data` is authenticated and not encrypted; only AES-GCM takes it."""

    plaintext: HiddenBytes
    associated_data: Bytes | None = None

    def secret(self) -> Secret:
        """
        Raises:
            InvalidInput: it is no base64url.
        """
        return Secret(bytes_of(self.plaintext.get_secret_value(), field="plaintext"))

    def associated(self) -> bytes:
        """
        Raises:
            InvalidInput: it is no base64url.
        """
        return bytes_of(self.associated_data or "", field="associated_data")


class Wrapping(_Using):
    """The key to be wrapped, in its bytes."""

    material: HiddenBytes

    def secret(self) -> Secret:
        """
        Raises:
            InvalidInput: it is no base64url.
        """
        return Secret(bytes_of(self.material.get_secret_value(), field="material"))


class Unwrapping(_Using):
    """What to unwrap. With `version` it has no envelope: it was made elsewhere."""

    ciphertext: CiphertextBytes
    version: VersionNumber | None = None

    def given(self) -> Ciphertext:
        """As custody takes it.

        Raises:
            InvalidInput: it is no base64url.
        """
        data = bytes_of(self.ciphertext, field="ciphertext")
        return Ciphertext(data=data, version=self.version, algorithm=self.named())


class Decryption(Unwrapping):
    """What to decrypt. With `version` it has no envelope: it was made elsewhere with the public key."""

    associated_data: Bytes | None = None

    def given(self) -> Ciphertext:
        """As custody takes it.

        Raises:
            InvalidInput: something is no base64url.
        """
        return Ciphertext(
            data=bytes_of(self.ciphertext, field="ciphertext"),
            version=self.version,
            algorithm=self.named(),
            associated_data=bytes_of(self.associated_data or "", field="associated_data"),
        )


class Signing(_Using):
    """What to sign: `message`, or else its `digest` by the algorithm's hash. `format` is for ECDSA alone."""

    message: Bytes | None = None
    digest: Annotated[str, StringConstraints(max_length=1024)] | None = None
    format: SignatureFormat = SignatureFormat.RAW

    def payload(self) -> Payload:
        """As custody takes it.

        Raises:
            InvalidInput: something is no base64url.
        """
        message = None if self.message is None else bytes_of(self.message, field="message")
        digest = None if self.digest is None else bytes_of(self.digest, field="digest")
        return Payload(message=message, digest=digest)


class Verification(Signing):
    """A signature, and what it is said to be over. An RSA key needs the `algorithm`."""

    signature: Annotated[str, StringConstraints(max_length=16 * 1024)]
    version: VersionNumber | None = None

    def signature_bytes(self) -> bytes:
        """
        Raises:
            InvalidInput: it is no base64url.
        """
        return bytes_of(self.signature, field="signature")


class UseAnswer(Answer):
    """By what it was done."""

    key_id: str
    key_name: str | None
    version: int
    algorithm: UseAlgorithm
    warnings: list[str]


class CiphertextAnswer(UseAnswer):
    """A ciphertext in its envelope, which names key, version and algorithm; base64url without padding."""

    ciphertext: str

    @classmethod
    def of(cls, made: Protected) -> "CiphertextAnswer":
        """From custody's."""
        return cls(**_members(made.by), ciphertext=base64url(made.ciphertext))


class PlaintextAnswer(UseAnswer):
    """What was encrypted, in the clear; base64url without padding."""

    plaintext: str

    @classmethod
    def of(cls, opened: Opened) -> "PlaintextAnswer":
        """From custody's."""
        return cls(**_members(opened.by), plaintext=base64url(opened.plaintext.reveal()))


class MaterialAnswer(UseAnswer):
    """A key that was wrapped, in the clear; base64url without padding."""

    material: str

    @classmethod
    def of(cls, opened: Opened) -> "MaterialAnswer":
        """From custody's."""
        return cls(**_members(opened.by), material=base64url(opened.plaintext.reveal()))


class SignatureAnswer(UseAnswer):
    """A signature without an envelope, for anybody to verify; base64url without padding."""

    format: SignatureFormat
    signature: str

    @classmethod
    def of(cls, signed: Signed, form: SignatureFormat) -> "SignatureAnswer":
        """From custody's."""
        return cls(**_members(signed.by), format=form, signature=base64url(signed.signature))


class ValidityAnswer(UseAnswer):
    """Whether the signature is valid. One that is not is an answer, and no error."""

    valid: bool

    @classmethod
    def of(cls, verified: Verified) -> "ValidityAnswer":
        """From custody's."""
        return cls(**_members(verified.by), valid=verified.valid)


def _members(by: Use) -> dict[str, Any]:
    return {
        "key_id": by.key.id,
        "key_name": by.key.name,
        "version": by.version.number,
        "algorithm": UseAlgorithm(by.method.name),
        "warnings": list(by.method.warnings),
    }
