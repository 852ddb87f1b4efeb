"""How material is refused: the words that several readers share. No refusal holds a byte of what was given."""

from keyferry.errors import MaterialRefused
from keyferry.material.algorithms import ALGORITHMS, Algorithm

FIELD = "material"

FORMS = "PKCS#8, PKCS#1 or SEC1 in PEM or DER, or a JWK; for an AES key, name its type"
KEPT = ", ".join(ALGORITHMS)


def refused(detail: str, advice: str, *, code: str = "material-refused") -> MaterialRefused:
    """A refusal of the material itself."""
    return MaterialRefused(detail, code=code, field=FIELD, advice=advice)


def unreadable(detail: str) -> MaterialRefused:
    """It is in no form that is read here."""
    return refused(detail, f"Give one private key: {FORMS}. `openssl pkey -in FILE` writes PKCS#8 in PEM.")


def mismatch(found: str, wanted: Algorithm) -> MaterialRefused:
    """It is a key, but not of the type that was named."""
    return refused(
        f"The material is {found}, and the key type given is {wanted.name}",
        "Name the type that the key has, or give another file.",
        code="algorithm-mismatch",
    )


def not_kept(found: str) -> MaterialRefused:
    """It is a key of a type or size that has no row in the table."""
    return refused(
        f"The material is {found}, which Keyferry does not keep", f"Give a key of one of these types: {KEPT}."
    )


def wrapped() -> MaterialRefused:
    """It is a transfer file: what is in it cannot be wrapped, or kept, once more."""
    return refused(
        "The material is a transfer file: the key in it is wrapped to a key encryption key already",
        "Give the key itself. Only the holder of that key encryption key can unwrap this one.",
        code="key-already-wrapped",
    )


def encrypted() -> MaterialRefused:
    """It needs a passphrase, and none came with it."""
    return refused("The private key is encrypted", "Give its passphrase too.", code="material-encrypted")


def passphrase_refused(detail: str, advice: str) -> MaterialRefused:
    """The passphrase that came with it does not fit."""
    return MaterialRefused(detail, code="passphrase-refused", field="passphrase", advice=advice)


def passphrase_not_needed() -> MaterialRefused:
    """A passphrase came with material that is not encrypted: whoever sent it believes that it is."""
    return passphrase_refused(
        "A passphrase was given, and the material is not encrypted",
        "Leave the passphrase away if you know this; else look at where the file has lain unprotected.",
    )


def too_costly(what: str) -> MaterialRefused:
    """It asks for more work than a key may: a fault, or an attempt to keep the server busy."""
    return refused(
        f"Reading the material takes more {what} than a key may need",
        "Encrypt the private key again with fewer rounds or less memory: `openssl pkcs8 -topk8 -in FILE`.",
    )


def public_key_given() -> MaterialRefused:
    """The wrong half."""
    return refused("This is a public key, and the private key is needed", "Give the file that holds the private key.")


def certificate_given() -> MaterialRefused:
    """The wrong half, signed."""
    return refused(
        "This is a certificate, which holds a public key only",
        "Give the file that holds the certificate's private key.",
    )


def several_keys() -> MaterialRefused:
    """Which one is meant is not for us to guess."""
    return refused(
        "The file holds several keys or certificates", "Give a file with the one private key and nothing else in it."
    )
