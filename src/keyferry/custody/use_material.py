"""The material of the version that a use is of: parsed, and kept for the next use of the same row."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from keyferry.custody.key_cache import KeyCache, Parsed
from keyferry.custody.use_values import Use
from keyferry.custody.versions import unseal
from keyferry.errors import IntegrityViolation
from keyferry.material.keys import load_private
from keyferry.material.sealing import Sealer
from keyferry.material.secret import Secret
from keyferry.material.using import signing


class UsedMaterial:
    """Material as its uses need it."""

    def __init__(self, sealer: Sealer, cache: KeyCache) -> None:
        self._sealer = sealer
        self._cache = cache

    def parsed(self, use: Use) -> Parsed:
        """The version's key, kept from an earlier use of the same row, or parsed and kept now.

        Raises:
            IntegrityViolation: the material does not verify.
        """
        kept = self._cache.find(use.version)
        if kept is not None:
            return kept
        material = unseal(self._sealer, use.key, use.version)
        parsed: Parsed = material.secret if material.algorithm.symmetric else load_private(material)
        self._cache.keep(use.version, parsed)
        return parsed

    def secret(self, use: Use) -> Secret:
        """As `parsed`, of an AES key.

        Raises:
            IntegrityViolation: the material does not verify, or is another kind of key's.
        """
        parsed = self.parsed(use)
        if not isinstance(parsed, Secret):
            raise other_kind(use)
        return parsed

    def rsa_private(self, use: Use) -> rsa.RSAPrivateKey:
        """As `parsed`, of an RSA key.

        Raises:
            IntegrityViolation: the material does not verify, or is another kind of key's.
        """
        parsed = self.parsed(use)
        if not isinstance(parsed, rsa.RSAPrivateKey):
            raise other_kind(use)
        return parsed


def public_half(use: Use) -> signing.PublicKey:
    """The version's public key.

    Raises:
        IntegrityViolation: it has none, or one of another kind than can verify.
    """
    found = None if use.version.public_key is None else load_der_public_key(use.version.public_key)
    if not isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise other_kind(use)
    return found


def rsa_public_half(use: Use) -> rsa.RSAPublicKey:
    """The version's public key, of an RSA key.

    Raises:
        IntegrityViolation: it has none, or one of another kind.
    """
    found = public_half(use)
    if not isinstance(found, rsa.RSAPublicKey):
        raise other_kind(use)
    return found


def other_kind(use: Use) -> IntegrityViolation:
    """What to raise where a version does not hold what its key's type says."""
    return IntegrityViolation(f"Version {use.version.id} of key {use.key.id} holds another kind of key than its type.")
