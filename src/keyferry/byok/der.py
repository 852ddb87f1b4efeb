"""Just enough DER (X.690) to tell one key format from another before anything parses the key itself.

The refusals need more than 'unreadable': a private key must be called a private key, whichever of its four usual forms
it comes in, and an RSA-PSS key looks like any RSA key once it has been loaded.
"""

from enum import Enum, auto

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x30
_CERTIFICATE_VERSION = 0xA0

RSASSA_PSS = bytes.fromhex("2a864886f70d01010a")
"""The content octets of id-RSASSA-PSS, 1.2.840.113549.1.1.10 (RFC 4055 section 3.1)."""

Member = tuple[int, bytes]
"""A tag octet and the content octets under it."""


class Shape(Enum):
    """What the outermost structure looks like; the content is not judged."""

    PUBLIC_KEY = auto()  # SubjectPublicKeyInfo, RFC 5280 section 4.1
    RSA_PUBLIC_KEY = auto()  # PKCS#1 RSAPublicKey, RFC 8017 appendix A.1.1
    CERTIFICATE = auto()  # RFC 5280 section 4.1
    PRIVATE_KEY_INFO = auto()  # PKCS#8, RFC 5958 section 2
    OTHER_PRIVATE_KEY = auto()  # PKCS#1, SEC1, encrypted PKCS#8, PKCS#12
    UNKNOWN = auto()


def shape_of(data: bytes) -> Shape:
    """Say what `data` looks like from the tags of its outermost members; never raises."""
    members = sequence_members(data)
    tags = [tag for tag, _ in members]
    if tags == [_SEQUENCE, _BIT_STRING]:
        return Shape.PUBLIC_KEY
    if tags == [_SEQUENCE, _SEQUENCE, _BIT_STRING]:
        return Shape.CERTIFICATE
    if tags == [_SEQUENCE, _OCTET_STRING]:
        return Shape.OTHER_PRIVATE_KEY  # EncryptedPrivateKeyInfo, RFC 5958 section 3
    if len(tags) >= 2 and tags[0] == _INTEGER and members[0][1] in (b"\x00", b"\x01", b"\x02", b"\x03"):
        # A version number comes first in every private key format and in PKCS#12 (version 3), and in no public one.
        return Shape.PRIVATE_KEY_INFO if tags[1] == _SEQUENCE and members[0][1] < b"\x02" else Shape.OTHER_PRIVATE_KEY
    if tags == [_INTEGER, _INTEGER]:
        return Shape.RSA_PUBLIC_KEY
    return Shape.UNKNOWN


def public_key_algorithm(spki: bytes) -> bytes:
    """The content octets of a SubjectPublicKeyInfo's algorithm identifier; empty when `spki` is not one."""
    if shape_of(spki) is not Shape.PUBLIC_KEY:
        return b""
    algorithm = _members(sequence_members(spki)[0][1])
    return algorithm[0][1] if algorithm and algorithm[0][0] == _OID else b""


def certificate_public_key(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo in a certificate (RFC 5280 section 4.1); empty when there is none where it belongs.

    Names, dates and signature are not looked at: the certificate is only the public key's envelope here.
    """
    if shape_of(certificate) is not Shape.CERTIFICATE:
        return b""
    fields = _members(sequence_members(certificate)[0][1])
    if fields and fields[0][0] == _CERTIFICATE_VERSION:
        fields = fields[1:]
    # What comes before: serial number, signature algorithm, issuer, validity, subject.
    if len(fields) < 6 or fields[5][0] != _SEQUENCE:
        return b""
    return _encoded(*fields[5])


def sequence_members(data: bytes) -> list[Member]:
    """The members of the one SEQUENCE that `data` is; empty when it is anything else, or more than that."""
    outer = _members(data)
    return _members(outer[0][1]) if len(outer) == 1 and outer[0][0] == _SEQUENCE else []


def _members(data: bytes) -> list[Member]:
    """Split concatenated DER elements; empty when the lengths do not add up exactly."""
    found: list[Member] = []
    at = 0
    while at < len(data):
        start, end = _content(data, at)
        if end > len(data) or start > len(data):
            return []
        found.append((data[at], data[start:end]))
        at = end
    return found


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` starts and ends; past the data when its header is cut or indefinite."""
    beyond = len(data) + 1
    if at + 1 >= len(data):
        return beyond, beyond
    length, start = data[at + 1], at + 2
    if length < 0x80:
        return start, start + length
    count = length & 0x7F
    if not 1 <= count <= 3 or start + count > len(data):
        return beyond, beyond
    return start + count, start + count + int.from_bytes(data[start : start + count], "big")


def _encoded(tag: int, content: bytes) -> bytes:
    """The element with that tag and content, its length in the fewest octets (X.690 section 10.1)."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
