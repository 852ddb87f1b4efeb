"""How Keyferry's own key with an identity provider is replaced without a sign-in that fails: two keys for a while."""

import json
from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from keyferry.custody.caller import Caller
from keyferry.custody.connection_facts import as_json
from keyferry.custody.gate import Gate
from keyferry.custody.groups import require_revision
from keyferry.custody.policy import Operation
from keyferry.custody.provider_kinds import KeyStep, Kind, protocol
from keyferry.custody.provider_writing import seal, shown_with, unseal_needed
from keyferry.custody.providers import ProviderDetail, detail_of, load_provider
from keyferry.custody.recording import Subject
from keyferry.custody.view import Change
from keyferry.material.secret import Secret
from keyferry.store.sealed import IDENTITY_PROVIDERS, Lock


class ProviderKeys:
    """The steps of a roll-over. The provider may be enabled, and stays so; its test holds."""

    def __init__(self, gate: Gate, erased: Callable[[], None]) -> None:
        """
        Args:
            erased: hears that a secret was deleted, and must not linger in the store's files.
        """
        self._gate = gate
        self._erased = erased

    def prepare(
        self, caller: Caller, reference: str, *, credential: Secret | None = None, revision: int | None = None
    ) -> ProviderDetail:
        """Have a next key, which is published from now on beside the one in use, for the provider to be told of.

        Args:
            credential: PEM of a key and its certificate; None to have them made here.

        Raises:
            InvalidInput: (`credential-refused`) what was given is none.
            Conflict: (`key-roll-over`) there is a next key already, or the provider's kind has none of its own.
        """
        return self._take(caller, reference, KeyStep.PREPARE, revision, credential)

    def promote(self, caller: Caller, reference: str, *, revision: int | None = None) -> ProviderDetail:
        """Use the next key from now on. What comes encrypted to the one that was in use is read until that is retired.

        Raises:
            Conflict: (`key-roll-over`) there is no next key, or the one before the one in use is still there.
        """
        return self._take(caller, reference, KeyStep.PROMOTE, revision)

    def discard(self, caller: Caller, reference: str, *, revision: int | None = None) -> ProviderDetail:
        """Erase the next key, which was never in use.

        Raises:
            Conflict: (`key-roll-over`) there is none.
        """
        return self._take(caller, reference, KeyStep.DISCARD, revision)

    def retire(self, caller: Caller, reference: str, *, revision: int | None = None) -> ProviderDetail:
        """Erase the key that was in use before. What is still encrypted to it is read no more.

        Raises:
            Conflict: (`key-roll-over`) there is none.
        """
        return self._take(caller, reference, KeyStep.RETIRE, revision)

    def _take(
        self, caller: Caller, reference: str, step: KeyStep, revision: int | None, credential: Secret | None = None
    ) -> ProviderDetail:
        operation = Operation.PROVIDER_KEY
        seen = self._gate.read(caller, operation, lambda view: load_provider(view, reference))
        rules = protocol(Kind(seen.kind))
        with self._gate.refusing(caller, operation, Subject("identity-provider", seen.id, seen.name)):
            require_revision(seen.revision, revision)
            made = rules.kept(seen.name, credential).credential if step is KeyStep.PREPARE else None

        def change(change: Change) -> ProviderDetail:
            found = load_provider(change, seen.id, Lock.UPDATE)
            require_revision(found.revision, revision or found.revision)
            rolled = rules.rolled(unseal_needed(change.sealer, found), step, made)
            configuration = shown_with(json.loads(found.configuration), rolled.shown)
            change.note(step=step.value, **{name: _fingerprint(pem) for name, pem in rolled.shown.items()})
            written = change.update(
                IDENTITY_PROVIDERS,
                found,
                configuration=as_json(configuration),
                credential=seal(change.sealer, found, rolled.credential),
            )
            return detail_of(change, written)

        done = self._gate.write(caller, operation, change)
        if step in {KeyStep.DISCARD, KeyStep.RETIRE}:
            self._erased()
        return done


def _fingerprint(pem: str | None) -> str | None:
    return None if pem is None else load_pem_x509_certificate(pem.encode()).fingerprint(SHA256()).hex()
