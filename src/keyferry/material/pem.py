"""Finding the one private key in a PEM file (RFC 7468), and saying what else it is."""

import base64
import binascii
import re
from contextlib import suppress

from keyferry.errors import MaterialRefused
from keyferry.material.refusals import certificate_given, public_key_given, refused, several_keys, unreadable

BEGIN = b"-----BEGIN "

_BLOCK = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----.*?-----END (?P=label)-----", re.DOTALL)
_PRIVATE = (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY")
_PUBLIC = (b"PUBLIC KEY", b"RSA PUBLIC KEY", b"SSH2 PUBLIC KEY")
_CERTIFICATES = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE", b"CERTIFICATE REQUEST", b"PKCS7")
_OLD_ENCRYPTION = re.compile(
    rb"^DEK-Info: (?:AES-(?:128|192|256)-CBC,[0-9A-Fa-f]{32}|DES-EDE3-CBC,[0-9A-Fa-f]{16})\r?$", re.MULTILINE
)
"""RFC 1421 section 4.6.1.3 as OpenSSL uses it. The library panics when the initialisation vector is shorter than the
cipher's, which no caller could catch as an error: it is looked at here first."""
_PARAMETERS = b"EC PARAMETERS"
"""`openssl ecparam -genkey` writes this block before the key's. The key repeats what it says."""


def private_key_block(data: bytes) -> bytes:
    """The one private key block of a PEM file, from its BEGIN line to its END line.

    Explanatory text before the first block is passed over (RFC 7468 section 5.2); after the key comes white space only.

    Raises:
        MaterialRefused: there is no private key, more than one block, or a block that does not end.
    """
    if data.count(BEGIN) > 2:
        raise several_keys()
    found = list(_BLOCK.finditer(data))
    if len(found) != data.count(BEGIN):
        raise unreadable("A PEM block has no END line that fits its BEGIN line")
    blocks = [block for block in found if block["label"] != _PARAMETERS]
    if len(blocks) > 1:
        raise several_keys()
    if not blocks:
        raise unreadable("The PEM file holds curve parameters and no key")
    block = blocks[0]
    if block["label"] not in _PRIVATE:
        raise _other(block["label"])
    if data[block.end() :].strip():
        raise unreadable("Something follows the private key in the PEM file")
    if block[0].upper().count(b"DEK-INFO") != len(_OLD_ENCRYPTION.findall(block[0])):
        raise unreadable(
            "The private key is encrypted in OpenSSL's old way, and its DEK-Info line is damaged or unknown"
        )
    return block[0] + b"\n"


def content(block: bytes) -> bytes:
    """The DER in a block that the library has read: the base64 between its two lines (RFC 7468 section 3).

    Lines with a colon are headers (RFC 1421 section 4.6), which the library passes over too. Empty when what is left is
    no base64.
    """
    lines = block.split(b"-----")[2].splitlines()
    with suppress(binascii.Error):
        return base64.b64decode(b"".join(line for line in lines if b":" not in line))
    return b""


def _other(label: bytes) -> MaterialRefused:
    if label in _PUBLIC:
        return public_key_given()
    if label in _CERTIFICATES:
        return certificate_given()
    if label == b"OPENSSH PRIVATE KEY":
        return refused(
            "The private key is in OpenSSH's own form", "Turn it into PKCS#8: `ssh-keygen -p -m PKCS8 -f FILE`."
        )
    return unreadable("The PEM block is no private key of RSA or EC")
