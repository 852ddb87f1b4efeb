"""Our own keys with one provider: the one in use, the next, which the provider is told of, and the one before.

    prepare   a next key is made, and published beside the one in use; the provider may encrypt to either
    promote   the next is in use from now on, the one that was is the earlier: it still opens what comes encrypted to it
    retire    the earlier is erased
    discard   the next is erased instead, and was never in use

They decide nothing of who comes in: what a provider has signed does, whichever of our keys it is encrypted to.
"""

import json
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keyferry.custody.provider_kinds import KeyStep
from keyferry.errors import Conflict
from keyferry.material.secret import Secret

_MEMBERS: Final = ("current", "next", "earlier")


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """PEM each, of a key and its certificate."""

    current: Secret
    next: Secret | None = None
    earlier: Secret | None = None

    @classmethod
    def of(cls, kept: Secret) -> "OwnKeys":
        """From what `as_kept` has made, or PEM of one key alone."""
        text = kept.reveal()
        if not text.startswith(b"{"):
            return cls(kept)
        found = json.loads(text)
        return cls(**{name: Secret(pem.encode()) for name, pem in found.items()})

    def as_kept(self) -> Secret:
        """All of them as one secret."""
        if self.next is None and self.earlier is None:
            return self.current
        pairs: dict[str, Secret | None] = {name: getattr(self, name) for name in _MEMBERS}
        texts = {name: pem.reveal().decode() for name, pem in pairs.items() if pem is not None}
        return Secret(json.dumps(texts).encode())

    @property
    def opening(self) -> tuple[Secret, ...]:
        """Those that an assertion may be encrypted to, the likeliest first."""
        return tuple(each for each in (self.current, self.next, self.earlier) if each is not None)

    def shown(self) -> dict[str, str | None]:
        """Their certificates, as a configuration keeps them."""
        return {
            "certificate": _certificate(self.current),
            "next_certificate": None if self.next is None else _certificate(self.next),
            "earlier_certificate": None if self.earlier is None else _certificate(self.earlier),
        }

    def after(self, step: KeyStep, made: Secret | None) -> "OwnKeys":
        """The keys after a step of a roll-over.

        Args:
            made: the next key, for the step that prepares one.

        Raises:
            Conflict: (`key-roll-over`) the step does not follow from how the keys are.
        """
        if step is KeyStep.PREPARE:
            if self.next is not None or made is None:
                raise _refused("There is a next key already.", "Promote it, or discard it first.")
            return replace(self, next=made)
        if step is KeyStep.RETIRE:
            if self.earlier is None:
                raise _refused("There is no earlier key.", "There is nothing left to do.")
            return replace(self, earlier=None)
        if self.next is None:
            raise _refused("There is no next key.", "Prepare one first, and tell the provider of it.")
        if step is KeyStep.DISCARD:
            return replace(self, next=None)
        if self.earlier is not None:
            raise _refused("The key before the one in use is still there.", "Retire it first.")
        return OwnKeys(self.next, None, self.current)


def _certificate(pem: Secret) -> str:
    return x509.load_pem_x509_certificate(pem.reveal()).public_bytes(Encoding.PEM).decode()


def _refused(what: str, advice: str) -> Conflict:
    return Conflict(what, code="key-roll-over", field="step", advice=advice)
