"""Encrypted assertions (XML Encryption 1.1), in the forms that are safe: RSA-OAEP for the key, AES-GCM for the content.

Decrypting says nothing of who encrypted: anybody may. What comes out is judged as any other assertion is. Keys under
PKCS #1 v1.5 are refused. AES-CBC does not tell that it was changed, and whoever may try often enough can read by its
errors; it is taken only where an Administrator has said so, and every error is answered in the same words.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from keyferry.identity.saml.xml import DS, XENC, XmlRefused, text_of
from keyferry.material.secret import Secret

if TYPE_CHECKING:
    from lxml.etree import _Element

_XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_GCM: Final = {f"{_XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_CBC: Final = {f"{XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
_OAEP_MGF1_SHA1: Final = f"{XENC}rsa-oaep-mgf1p"
_OAEP: Final = f"{_XENC11}rsa-oaep"
_DIGESTS: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    f"{DS}sha1": hashes.SHA1,  # as a part of OAEP, where no collision is of use
    f"{XENC}sha256": hashes.SHA256,
    f"{XENC}sha512": hashes.SHA512,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384,
}
_MASKS: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    f"{_XENC11}mgf1sha1": hashes.SHA1,
    f"{_XENC11}mgf1sha256": hashes.SHA256,
    f"{_XENC11}mgf1sha384": hashes.SHA384,
    f"{_XENC11}mgf1sha512": hashes.SHA512,
}
_NONCE, _TAG, _BLOCK = 12, 16, 16


def decrypt(element: "_Element", own: Sequence[Secret], *, allow_cbc: bool) -> bytes:
    """What an EncryptedAssertion holds.

    Args:
        own: our keys, in PEM, each of which it may be encrypted to.

    Raises:
        XmlRefused: it is encrypted otherwise than is taken, or not for us.
    """
    data = _only(element, f"{{{XENC}}}EncryptedData")
    key = _only(element, f"{{{XENC}}}EncryptedKey", anywhere=True)
    algorithm = _method(data).get("Algorithm")
    size = _GCM.get(algorithm) or (_CBC.get(algorithm) if allow_cbc else None)
    if size is None:
        raise _refused("the content is encrypted in a way that is not taken")
    scheme = _padding(_method(key))
    wrapped, sealed = _value(key), _value(data)
    opening = _open_gcm if algorithm in _GCM else _open_cbc
    for each in own:
        private = load_pem_private_key(each.reveal(), None)
        assert isinstance(private, rsa.RSAPrivateKey)
        try:
            content_key = private.decrypt(wrapped, scheme)
            if len(content_key) == size:
                return opening(content_key, sealed)
        except (ValueError, InvalidTag):
            continue
    raise _not_opened()


def _open_gcm(key: bytes, sealed: bytes) -> bytes:
    if len(sealed) < _NONCE + _TAG:
        raise ValueError("too short")
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)


def _open_cbc(key: bytes, sealed: bytes) -> bytes:
    """The last byte says how many are padding; the others of it may be anything (XML Encryption 1.1 section 5.2.1)."""
    if len(sealed) < 2 * _BLOCK or len(sealed) % _BLOCK:
        raise ValueError("no whole blocks")
    opening = Cipher(algorithms.AES(key), modes.CBC(sealed[:_BLOCK])).decryptor()
    padded = opening.update(sealed[_BLOCK:]) + opening.finalize()
    if not 0 < padded[-1] <= _BLOCK:
        raise ValueError("no padding")
    return padded[: -padded[-1]]


def _padding(method: "_Element") -> padding.OAEP:
    algorithm = method.get("Algorithm")
    named = method.find(f"{{{DS}}}DigestMethod")
    digest = _DIGESTS.get(f"{DS}sha1" if named is None else named.get("Algorithm", ""))
    mask: type[hashes.HashAlgorithm] | None = None
    if algorithm == _OAEP_MGF1_SHA1:
        mask = hashes.SHA1
    elif algorithm == _OAEP:
        given = method.find(f"{{{_XENC11}}}MGF")
        mask = _MASKS.get(f"{_XENC11}mgf1sha1" if given is None else given.get("Algorithm", ""))
    if digest is None or mask is None or method.find(f"{{{XENC}}}OAEPparams") is not None:
        raise _refused("the key is encrypted in a way that is not taken")
    return padding.OAEP(padding.MGF1(mask()), digest(), None)


def _only(element: "_Element", tag: str, *, anywhere: bool = False) -> "_Element":
    found = list(element.iter(tag)) if anywhere else element.findall(tag)
    if len(found) != 1:
        raise _refused(f"there are {len(found)} of {tag.rpartition('}')[2]}, not one")
    return found[0]


def _method(element: "_Element") -> "_Element":
    return _only(element, f"{{{XENC}}}EncryptionMethod")


def _value(element: "_Element") -> bytes:
    value = _only(_only(element, f"{{{XENC}}}CipherData"), f"{{{XENC}}}CipherValue")
    try:
        return base64.b64decode("".join(text_of(value).split()), validate=True)
    except (ValueError, binascii.Error):
        raise _refused("a value is no base64") from None


def _not_opened() -> XmlRefused:
    return _refused("it does not open with our key")


def _refused(why: str) -> XmlRefused:
    return XmlRefused(f"encrypted assertion: {why}", code="provider-answer-refused")
