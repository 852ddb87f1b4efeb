"""PKCS#8 private keys in DER, strictly: one form is taken, and what is another form is called by its name.

Taken is a PrivateKeyInfo of version 0, not encrypted (RFC 5208 section 5), around an RSAPrivateKey of two primes
(RFC 8017 appendix A.1.2) or an ECPrivateKey with a named curve (RFC 5915 section 3, RFC 5480 section 2.1.1).
"""

from typing import Final

from Crypto.Util.asn1 import DerBitString, DerInteger, DerObjectId, DerOctetString, DerSequence

from keyferry.emulator.keys.kinds import CURVES, Curve
from keyferry.emulator.keys.material import (
    Crt,
    EcPrivate,
    MaterialRefused,
    Private,
    RsaPrivate,
    ec_of_number,
    require_rsa,
)

_RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"
_EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"
_NULL: Final = b"\x05\x00"
_SEQUENCE, _OCTETS, _ATTRIBUTES = 0x30, 0x04, 0xA0
_UNREADABLE = (ValueError, IndexError, TypeError)
"""What the DER reader raises for bytes that are not DER."""

_CURVES_BY_OID: Final = {curve.oid: curve for curve in CURVES.values()}


def read(der: bytes) -> Private:
    """Read a private key and check every number in it.

    1. The bytes are one DER sequence, with nothing after it.
    2. It is a PrivateKeyInfo: not PKCS#1, not SEC1, not encrypted, not of version 1.
    3. Its algorithm is RSA with NULL parameters, or an elliptic curve that a vault takes.
    4. The key inside is of that algorithm, and its numbers belong together.

    Raises:
        MaterialRefused: says which of these failed.
    """
    return _read(der, own=False)


def read_own(der: bytes) -> Private:
    """Read what `write` wrote of numbers that were checked then: the same structure, the costly checks left out."""
    return _read(der, own=True)


def write(private: Private) -> bytes:
    """The PKCS#8 DER of a private key, as this package keeps it."""
    if isinstance(private, RsaPrivate):
        numbers = (private.n, private.e, private.d, private.p, private.q)
        crt = (private.d % (private.p - 1), private.d % (private.q - 1), pow(private.q, -1, private.p))
        algorithm = DerSequence([DerObjectId(_RSA_ENCRYPTION).encode(), _NULL])
        inner = DerSequence([0, *numbers, *crt]).encode()
    else:
        length = private.curve.bytes
        point = b"\x04" + private.x.to_bytes(length, "big") + private.y.to_bytes(length, "big")
        algorithm = DerSequence([DerObjectId(_EC_PUBLIC_KEY).encode(), DerObjectId(private.curve.oid).encode()])
        number = DerOctetString(private.d.to_bytes(length, "big")).encode()
        inner = DerSequence([1, number, DerBitString(point, explicit=1).encode()]).encode()
    return DerSequence([0, algorithm.encode(), DerOctetString(inner).encode()]).encode()


def _read(der: bytes, *, own: bool) -> Private:
    members = _outer(der)
    if len(members) not in {3, 4} or members[0] != 0 or not _tagged(members[2], _OCTETS):
        raise MaterialRefused(_not_private_key_info(members))
    if len(members) == 4 and not _tagged(members[3], _ATTRIBUTES):
        raise MaterialRefused("after the private key of the PKCS#8 structure comes something other than attributes")
    try:
        algorithm = _sequence(_bytes(members[1]), 1, 2)
        oid = DerObjectId().decode(_bytes(algorithm[0]), strict=True).value
        inner = DerOctetString().decode(_bytes(members[2]), strict=True).payload
    except _UNREADABLE:
        raise MaterialRefused("it is a damaged PKCS#8 structure") from None
    parameters = _bytes(algorithm[1]) if len(algorithm) == 2 else b""
    if oid == _RSA_ENCRYPTION:
        return _read_rsa(inner, parameters, own=own)
    if oid == _EC_PUBLIC_KEY:
        return _read_ec(inner, parameters)
    raise MaterialRefused("the PKCS#8 structure holds neither an RSA nor an elliptic curve key")


def _outer(der: bytes) -> list[int | bytes]:
    try:
        return _sequence(der)
    except _UNREADABLE:
        if _announced(der) < len(der):
            raise MaterialRefused("bytes follow the end of the PKCS#8 structure") from None
        raise MaterialRefused("it is not DER") from None


def _sequence(der: bytes, *lengths: int) -> list[int | bytes]:
    """The members of a DER sequence: numbers as numbers, everything else as its DER."""
    sequence = DerSequence().decode(der, strict=True, nr_elements=lengths or None)
    members: list[int | bytes] = [sequence[index] for index in range(len(sequence))]
    return members


def _announced(der: bytes) -> int:
    """The length of the outermost sequence as its header announces it, or all there is when it is no sequence."""
    if der[:1] != bytes([_SEQUENCE]) or len(der) < 2:
        return len(der)
    if der[1] < 0x80:
        return 2 + der[1]
    count = der[1] & 0x7F
    return 2 + count + int.from_bytes(der[2 : 2 + count], "big")


def _not_private_key_info(members: list[int | bytes]) -> str:
    if len(members) == 9 and all(isinstance(member, int) for member in members):
        return "it is an RSA key in PKCS#1 (BEGIN RSA PRIVATE KEY); wrap its PKCS#8 form"
    if members[:1] == [1] and len(members) in {2, 3, 4} and _tagged(members[1], _OCTETS):
        return "it is an elliptic curve key in SEC1 (BEGIN EC PRIVATE KEY); wrap its PKCS#8 form"
    if len(members) == 2 and _tagged(members[0], _SEQUENCE) and _tagged(members[1], _OCTETS):
        return "it is an encrypted PKCS#8 structure; wrap the key itself"
    if members[:1] == [1] and len(members) >= 3 and _tagged(members[1], _SEQUENCE):
        return "it is a PKCS#8 structure of version 1 (RFC 5958), and version 0 (RFC 5208) is taken"
    return "it is DER, but no PKCS#8 PrivateKeyInfo"


def _read_rsa(inner: bytes, parameters: bytes, *, own: bool) -> RsaPrivate:
    if parameters != _NULL:
        raise MaterialRefused("the RSA algorithm identifier of the PKCS#8 structure has other parameters than NULL")
    try:
        version, n, e, d, p, q, dp, dq, qi = (_int(each) for each in _sequence(inner, 9))
    except _UNREADABLE:
        raise MaterialRefused("the PKCS#8 structure says RSA, but no RSAPrivateKey of two primes is in it") from None
    if version != 0:
        raise MaterialRefused("the RSAPrivateKey in the PKCS#8 structure is not of version 0 (two primes)")
    key = RsaPrivate(n, e, d, p, q)
    if not own:
        require_rsa(key, Crt(dp, dq, qi))
    return key


def _read_ec(inner: bytes, parameters: bytes) -> EcPrivate:
    try:
        curve = _CURVES_BY_OID.get(DerObjectId().decode(parameters, strict=True).value)
    except _UNREADABLE:
        raise MaterialRefused("the elliptic curve of the PKCS#8 structure is not given by name") from None
    if curve is None:
        raise MaterialRefused(f"the key is on a curve that a vault does not take; it takes {', '.join(CURVES)}")
    try:
        members = _sequence(inner, 2, 3, 4)
        number = DerOctetString().decode(_bytes(members[1]), strict=True).payload
    except _UNREADABLE:
        members, number = [], b""
    if members[:1] != [1]:
        raise MaterialRefused("the PKCS#8 structure says elliptic curve, but no ECPrivateKey is in it")
    if len(number) != curve.bytes:
        raise MaterialRefused(f"the private number has {len(number)} bytes, and {curve.name} has {curve.bytes}")
    return ec_of_number(curve, int.from_bytes(number, "big"), _point(members[2:], curve))


def _point(rest: list[int | bytes], curve: Curve) -> tuple[int, int] | None:
    """The public point among the optional members of an ECPrivateKey, after the curve has been compared."""
    point = None
    try:
        for member in rest:
            tag = _bytes(member)[0]
            if tag == 0xA0 and DerObjectId(explicit=0).decode(_bytes(member), strict=True).value != curve.oid:
                raise MaterialRefused("the ECPrivateKey names another curve than the PKCS#8 structure around it")
            if tag == 0xA1:
                point = _uncompressed(DerBitString(explicit=1).decode(_bytes(member), strict=True).value, curve)
    except _UNREADABLE:
        raise MaterialRefused("the ECPrivateKey in the PKCS#8 structure is damaged") from None
    return point


def _uncompressed(point: bytes, curve: Curve) -> tuple[int, int]:
    if len(point) != 1 + 2 * curve.bytes or point[0] != 4:
        raise MaterialRefused("the public point of the ECPrivateKey is not in the uncompressed form")
    return int.from_bytes(point[1 : 1 + curve.bytes], "big"), int.from_bytes(point[1 + curve.bytes :], "big")


def _tagged(member: int | bytes, tag: int) -> bool:
    return isinstance(member, bytes) and member[:1] == bytes([tag])


def _bytes(member: int | bytes) -> bytes:
    if isinstance(member, int):
        return DerInteger(member).encode()
    return member


def _int(member: int | bytes) -> int:
    if not isinstance(member, int):
        raise ValueError("no INTEGER")  # noqa: TRY004  # a value of the wrong kind in a file is no mistake of ours
    return member
