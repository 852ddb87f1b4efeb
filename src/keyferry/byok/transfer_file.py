"""The transfer file that Azure imports (`*.byok`): its form, writing it, and reading it back.

    {"schema_version": "1.0.0",
     "header": {"kid": <key identifier of the KEK>, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
     "ciphertext": <base64url without padding: RSA-OAEP(AES key) || AES-KWP(AES key, key)>,
     "generator": <free text>}

Tools differ in small things (padding, the base64 alphabet, further members). `parse` takes those and notes each;
`read_transfer_file` takes exactly the form that Keyferry writes.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from keyferry.errors import InvalidInput

SCHEMA_VERSION = "1.0.0"
ALGORITHM = "dir"
ENCRYPTION = "CKM_RSA_AES_KEY_WRAP"
MAX_BYTES = 64 * 1024
MIN_CIPHERTEXT_BYTES = 256 + 24
"""The smallest KEK's modulus (2048 bits) and the shortest wrapped key (16 bytes under RFC 5649)."""

_MEMBERS = {"schema_version", "header", "ciphertext", "generator"}
_HEADER_MEMBERS = {"kid", "alg", "enc"}


@dataclass(frozen=True, slots=True)
class TransferFile:
    """A finished file, ready to be handed out.

    Attributes:
        content: the file's bytes.
        file_name: a name to save it under.
        sha256: the SHA-256 of `content`, lower-case hex; what is recorded of an export.
        warnings: what a person should know; sentences.
    """

    content: bytes = field(repr=False)
    file_name: str
    sha256: str
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: bytes, file_name: str, warnings: tuple[str, ...] = ()) -> "TransferFile":
        """The file with that content, and its hash."""
        return cls(content, file_name, hashlib.sha256(content).hexdigest(), warnings)


@dataclass(frozen=True, slots=True)
class TransferFileParts:
    """What a transfer file says. A text member that a file lacks is empty here, and noted by `parse`."""

    schema_version: str
    kid: str
    alg: str
    enc: str
    generator: str
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One way in which a file differs from the form that Keyferry writes. `member` is a path such as `header.enc`."""

    member: str
    reason: str

    def __str__(self) -> str:
        return f"{self.member}: {self.reason}"


def compose(kid: str, ciphertext: bytes, generator: str) -> bytes:
    """The bytes of a transfer file: compact JSON, members in the order of the specification, no line end."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "header": {"kid": kid, "alg": ALGORITHM, "enc": ENCRYPTION},
        "ciphertext": base64.urlsafe_b64encode(ciphertext).rstrip(b"=").decode("ascii"),
        "generator": generator,
    }
    return _COMPACT.encode(document).encode("ascii")


def read_transfer_file(content: bytes) -> TransferFileParts:
    """Read a file that has exactly the form that Keyferry writes (white space between members apart).

    Raises:
        InvalidInput: `transfer-file-refused`; `field` names the member, the detail says what is wrong with it.
    """
    parts, deviations = parse(content)
    if deviations:
        raise _refused(deviations[0].member, deviations[0].reason)
    return parts


def parse(content: bytes) -> tuple[TransferFileParts, tuple[Deviation, ...]]:
    """Read a file as far as its meaning is plain, and say how it differs from the form that Keyferry writes.

    Raises:
        InvalidInput: `transfer-file-refused`, when it is not JSON, names a member twice, has no readable ciphertext, or
            has a member of the wrong type.
    """
    document = _load(content)
    deviations = [Deviation(name, "no member of a transfer file") for name in _sorted_unknown(document, _MEMBERS)]
    header = _header(document, deviations)
    parts = TransferFileParts(
        schema_version=_text(document, "schema_version", deviations, expected=SCHEMA_VERSION),
        kid=_text(header, "kid", deviations, "header."),
        alg=_text(header, "alg", deviations, "header.", ALGORITHM),
        enc=_text(header, "enc", deviations, "header.", ENCRYPTION),
        generator=_text(document, "generator", deviations),
        ciphertext=_ciphertext(document.get("ciphertext"), deviations),
    )
    return parts, tuple(deviations)


def _load(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise _refused("file", f"it has {len(content)} bytes, and at most {MAX_BYTES} are read")
    if not content.strip():
        raise _refused("file", "it is empty")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("file", _BINARY) from None
    if "\x00" in text:
        raise _refused("file", _BINARY)
    if text.lstrip().startswith("{'"):
        raise _refused("file", "it quotes with ' instead of \", which is not JSON")
    try:
        document = _STRICT.decode(text)
    except _DuplicateError as duplicate:
        raise _refused("file", f"it names the member {_shown(str(duplicate))} twice") from None
    except (ValueError, RecursionError):
        raise _refused("file", "it is not JSON") from None
    if not isinstance(document, dict):
        raise _refused("file", "it is JSON, but no object")
    return document


_BINARY = (
    "it is binary, not JSON text; the KeyTransferPackage files of nCipher's old tools are binary, "
    "and Azure has not taken them since June 2021"
)


class _DuplicateError(ValueError):
    """A member's name that occurs twice in one object."""


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _DuplicateError(name)
        members[name] = value
    return members


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Made once: to make one costs as much as to read a file.
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_STRICT = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_no_constant)


def _header(document: dict[str, Any], deviations: list[Deviation]) -> dict[str, Any]:
    header = document.get("header")
    if header is None:
        deviations.append(Deviation("header", "missing"))
        return {}
    if not isinstance(header, dict):
        raise _refused("header", "it is not an object")
    deviations += [
        Deviation(f"header.{name}", "no member of the header") for name in _sorted_unknown(header, _HEADER_MEMBERS)
    ]
    return header


def _text(
    members: dict[str, Any], name: str, deviations: list[Deviation], prefix: str = "", expected: str | None = None
) -> str:
    value = members.get(name)
    if value is None:
        deviations.append(Deviation(prefix + name, "missing"))
        return ""
    if not isinstance(value, str):
        raise _refused(prefix + name, "it is not a string")
    if expected is not None and value != expected:
        deviations.append(Deviation(prefix + name, f"{_shown(value)} instead of {_shown(expected)}"))
    return value


def _ciphertext(value: object, deviations: list[Deviation]) -> bytes:
    if not isinstance(value, str):
        raise _refused("ciphertext", "it is missing" if value is None else "it is not a string")
    text = value.rstrip("=")
    if text != value:
        deviations.append(Deviation("ciphertext", "base64 with padding"))
    if "+" in text or "/" in text:
        deviations.append(Deviation("ciphertext", "the standard base64 alphabet instead of base64url"))
        text = text.replace("+", "-").replace("/", "_")
    try:
        ciphertext = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused("ciphertext", "it is not base64") from None
    if base64.urlsafe_b64encode(ciphertext).rstrip(b"=").decode("ascii") != text:
        deviations.append(Deviation("ciphertext", "base64 with bits set after the last byte"))
    if len(ciphertext) < MIN_CIPHERTEXT_BYTES:
        raise _refused(
            "ciphertext", f"it has {len(ciphertext)} bytes, too few for a wrapped key ({MIN_CIPHERTEXT_BYTES} at least)"
        )
    return ciphertext


def _sorted_unknown(members: dict[str, Any], known: set[str]) -> list[str]:
    return sorted(_shown(name) for name in members.keys() - known)


def _shown(text: str) -> str:
    """A string from a file as it may stand in a message: ASCII, quoted, not too long."""
    return ascii(text if len(text) <= 64 else text[:64] + "...")


def _refused(member: str, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The transfer file will not do: {member}: {reason}"
        if member != "file"
        else f"The transfer file will not do: {reason}",
        code="transfer-file-refused",
        field=member,
        advice="Give the .byok file as it was written; another tool must write schema version 1.0.0.",
    )
