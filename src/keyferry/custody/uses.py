"""Using keys: encrypting, signing, wrapping, and the way back.

One use costs one read transaction, the algorithm itself with no lock held, and the writing of its audit event:

    1. the key is authorised, its usage, the algorithm and the version's state are judged, on one snapshot
    2. the key is parsed, if it is not kept from an earlier use, and the algorithm runs
    3. the audit event is written: which use, algorithm and version, and never the data
    4. only then is anything answered

A use that was judged before a revocation was committed may still be answered after it; one that is asked for later is
refused, on every node, as the state is read anew for each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from keyferry.custody.activity import Activity
from keyferry.custody.caller import Caller
from keyferry.custody.gate import Gate
from keyferry.custody.key_cache import KeyCache
from keyferry.custody.key_lookup import load_key
from keyferry.custody.lifecycle import require_processing, require_protecting
from keyferry.custody.policy import Operation
from keyferry.custody.recording import Subject
from keyferry.custody.use_ciphertexts import take_apart
from keyferry.custody.use_material import UsedMaterial, other_kind, public_half, rsa_public_half
from keyferry.custody.use_values import Ciphertext, Opened, Payload, Protected, Signed, Use, Verified
from keyferry.custody.versions import current_version, version_numbered
from keyferry.custody.view import View
from keyferry.errors import Conflict
from keyferry.material.algorithms import ALGORITHMS, Family, Usage
from keyferry.material.secret import Secret
from keyferry.material.using import ciphering, signing
from keyferry.material.using.envelope import Header
from keyferry.material.using.methods import Scheme, method_named, methods_of
from keyferry.material.using.signing import SignatureFormat
from keyferry.store.records import Key, KeyVersion
from keyferry.waiting import elsewhere

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A ciphertext taken apart, and what opens it."""

    by: Use
    header: bytes
    body: bytes


class Uses:
    """What keys are for. Protecting takes the current version, if it is active; processing the one that is named, also
    when it is deactivated or compromised.
    """

    def __init__(self, gate: Gate, cache: KeyCache, activity: Activity) -> None:
        self._gate = gate
        self._activity = activity
        self._cache = cache
        self._material = UsedMaterial(gate.sealer, cache)

    def encrypt(
        self,
        caller: Caller,
        reference: str,
        plaintext: Secret,
        *,
        algorithm: str | None = None,
        associated_data: bytes = b"",
    ) -> Protected:
        """Encrypt under a key's current version.

        Raises:
            NotPermitted, NotFound: the caller may not use this key.
            Conflict: the version is not active, or the key was not made for this.
            InvalidInput: the algorithm is not for this key, or does not take an input of this size.
        """
        judge = partial(self._to_protect, reference, Usage.ENCRYPT, algorithm, "plaintext", plaintext, associated_data)
        return self._protect(caller, Usage.ENCRYPT, reference, judge, plaintext, associated_data)

    def wrap(self, caller: Caller, reference: str, material: Secret, *, algorithm: str | None = None) -> Protected:
        """Wrap another key's material under a key's current version.

        Raises:
            As `encrypt`.
        """
        judge = partial(self._to_protect, reference, Usage.WRAP, algorithm, "material", material, b"")
        return self._protect(caller, Usage.WRAP, reference, judge, material, b"")

    def decrypt(self, caller: Caller, reference: str, ciphertext: Ciphertext) -> Opened:
        """Open what `encrypt` gave, or what was encrypted elsewhere with an RSA key's public half.

        Raises:
            NotPermitted, NotFound: the caller may not use this key, or it has no such version.
            Conflict: the version may not be used any more, or the key was not made for this.
            InvalidInput: the envelope is not for this key; (`decryption-failed`) the ciphertext does not open.
        """
        return self._process(caller, reference, Usage.DECRYPT, ciphertext)

    def unwrap(self, caller: Caller, reference: str, ciphertext: Ciphertext) -> Opened:
        """Open what `wrap` gave, or what was wrapped elsewhere with the same key.

        Raises:
            As `decrypt`.
        """
        return self._process(caller, reference, Usage.UNWRAP, ciphertext)

    def sign(
        self,
        caller: Caller,
        reference: str,
        payload: Payload,
        *,
        algorithm: str | None = None,
        form: SignatureFormat = SignatureFormat.RAW,
    ) -> Signed:
        """Sign with a key's current version.

        Raises:
            As `encrypt`.
        """

        def judge(view: View) -> tuple[Use, bytes]:
            key = _key_for(view, reference, Usage.SIGN)
            method = method_named(algorithm, ALGORITHMS[key.algorithm], Usage.SIGN)
            signing.require_format(method, form)
            digest = signing.digest_of(method, payload.message, payload.digest)
            return Use(key, self._protecting(view, key), method), digest

        use, digest = self._gate.read(caller, Operation.KEY_USE, judge, about=reference)

        def run() -> bytes:
            private = self._material.parsed(use)
            if isinstance(private, Secret):
                raise other_kind(use)
            return signing.sign(use.method, private, digest, form)

        return Signed(use, self._done(caller, Usage.SIGN, use, run))

    def verify(
        self,
        caller: Caller,
        reference: str,
        payload: Payload,
        signature: bytes,
        *,
        algorithm: str | None = None,
        form: SignatureFormat = SignatureFormat.RAW,
        version: int | None = None,
    ) -> Verified:
        """Whether a signature was made by a version of a key: the current one, unless another is named.

        Raises:
            NotPermitted, NotFound: the caller may not use this key, or it has no such version.
            Conflict: the version may not be used any more, or the key was not made for this.
            InvalidInput: the algorithm is not for this key, or the payload will not do.
        """

        def judge(view: View) -> tuple[Use, bytes]:
            key = _key_for(view, reference, Usage.VERIFY)
            method = method_named(algorithm, ALGORITHMS[key.algorithm], Usage.VERIFY)
            signing.require_format(method, form)
            digest = signing.digest_of(method, payload.message, payload.digest)
            return Use(key, self._processing(view, key, version), method), digest

        use, digest = self._gate.read(caller, Operation.KEY_USE, judge, about=reference)
        with self._gate.refusing(caller, Operation.KEY_USE, _subject(use)):
            valid = signing.is_valid(use.method, public_half(use), digest, signature, form)
        self._record(caller, Usage.VERIFY, use, valid=valid)
        return Verified(use, valid)

    def _to_protect(
        self,
        reference: str,
        usage: Usage,
        algorithm: str | None,
        field: str,
        plaintext: Secret,
        associated_data: bytes,
        view: View,
    ) -> Use:
        key = _key_for(view, reference, usage)
        method = method_named(algorithm, ALGORITHMS[key.algorithm], usage)
        ciphering.require_fits(method, ALGORITHMS[key.algorithm], len(plaintext), field)
        ciphering.require_associated_data(method, associated_data)
        return Use(key, self._protecting(view, key), method)

    def _protect(
        self,
        caller: Caller,
        usage: Usage,
        reference: str,
        judge: Callable[[View], Use],
        plaintext: Secret,
        associated_data: bytes,
    ) -> Protected:
        use = self._gate.read(caller, Operation.KEY_USE, judge, about=reference)
        header = Header(use.method, use.key.id, use.version.number).encode()

        def run() -> bytes:
            key = rsa_public_half(use) if use.method.scheme is Scheme.OAEP else self._material.secret(use)
            return header + ciphering.protect(use.method, key, header, plaintext, associated_data)

        return Protected(use, self._done(caller, usage, use, run))

    def _process(self, caller: Caller, reference: str, usage: Usage, ciphertext: Ciphertext) -> Opened:
        def judge(view: View) -> _Sealed:
            key = _key_for(view, reference, usage)
            ciphering.require_length(ciphertext.data, "ciphertext", ciphering.MOST_CIPHERTEXT_BYTES)
            header, body, method, number = take_apart(key, usage, ciphertext)
            ciphering.require_associated_data(method, ciphertext.associated_data)
            return _Sealed(Use(key, self._processing(view, key, number), method), header, body)

        sealed = self._gate.read(caller, Operation.KEY_USE, judge, about=reference)
        use = sealed.by

        def run() -> Secret:
            key = self._material.rsa_private(use) if use.method.scheme is Scheme.OAEP else self._material.secret(use)
            return ciphering.process(use.method, key, sealed.header, sealed.body, ciphertext.associated_data)

        return Opened(use, self._done(caller, usage, use, run))

    def _done(self, caller: Caller, usage: Usage, use: Use, run: Callable[[], T]) -> T:
        """What `run` gives, once its audit event is durable; what it refuses is audited too."""
        takes_long = ALGORITHMS[use.key.algorithm].family is Family.RSA
        with self._gate.refusing(caller, Operation.KEY_USE, _subject(use)):
            result = elsewhere(run) if takes_long else run()
        self._record(caller, usage, use)
        return result

    def _record(self, caller: Caller, usage: Usage, use: Use, **more: Any) -> None:
        details = {"use": usage.value, "algorithm": use.method.name, "version": use.version.number, **more}
        self._gate.record(caller, Operation.KEY_USE, "done", subject=_subject(use), details=details)
        self._activity.note(use.version.id)

    def _protecting(self, view: View, key: Key) -> KeyVersion:
        version = current_version(view, key)
        return self._usable(version, lambda: require_protecting(version, view.now))

    def _processing(self, view: View, key: Key, number: int | None) -> KeyVersion:
        version = version_numbered(view, key, number)
        return self._usable(version, lambda: require_processing(version, view.now))

    def _usable(self, version: KeyVersion, require: Callable[[], None]) -> KeyVersion:
        try:
            require()
        except Conflict:
            self._cache.drop(version)
            raise
        return version


def _key_for(view: View, reference: str, usage: Usage) -> Key:
    """The key, authorised, and made for this use.

    Raises:
        NotPermitted, NotFound: the caller may not use it.
        Conflict: (`usage-refused`) it was made for something else.
    """
    key = load_key(view, reference)
    usages = key.usages.split(",")
    if usage.value not in usages:
        possible = methods_of(ALGORITHMS[key.algorithm], usage)
        raise Conflict(
            f"This key may not {usage}: it was made to {', '.join(usages)}.",
            code="usage-refused",
            field="key",
            advice="Make a key for this use: what a key is for is settled when it is made."
            if possible
            else f"Use a key of another type: those of type {key.algorithm} cannot {usage}.",
        )
    return key


def _subject(use: Use) -> Subject:
    return Subject("key", use.key.id, use.key.name)
