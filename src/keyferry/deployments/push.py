"""The walk of a key into a vault, step by step.

    1. kek-ready   the vault has a key encryption key that is fit; its identifier and public key are recorded
    2. exported    Keyferry has wrapped the key version under it, and recorded that it left
    3. imported    the vault has it: once, whatever happened on the way
    4. read-back   what the vault tells of it is what we hold
    5. proved      the vault can use the private half of our public key

Each step is recorded by itself, and doing one again changes nothing. A run that was stopped anywhere is taken up by the
next one: it looks at the vault first, and adopts what an earlier run has left there. The transfer file is kept nowhere,
so that a run that still has to import wraps the key anew.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from keyferry.clouds.azure.facts import VaultKey
from keyferry.clouds.azure.vault import AzureVault
from keyferry.custody.deployment_steps import ORDER, PROOFS, PUBLIC_KEY_ONLY, Step, before_import, unfinished
from keyferry.deployments.arrival import Arrival, look, look_for_lost, require_free
from keyferry.deployments.drift import azure_curve, differences_in_attributes, differences_in_kind
from keyferry.deployments.kek import DEFAULT_NAME, Kek, bits_for, ready_kek
from keyferry.deployments.ledger import Exported, Held, Ledger, Planned
from keyferry.deployments.observing import told_by
from keyferry.deployments.patience import Patience
from keyferry.deployments.progress import Progress, Quiet
from keyferry.deployments.proof import NOT_WANTED, Proved, prove
from keyferry.errors import AnswerLost, Conflict, InvalidInput, KekRefused, KeyferryError

T = TypeVar("T")

#: seconds of waiting for a throttled vault, all in all
PATIENCE_SECONDS: Final = 300
KEY_TAG: Final = "keyferry-key"
VERSION_TAG: Final = "keyferry-version"
_NOT_REGISTERED: Final = "kek-not-registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a push shall go.

    Attributes:
        kek_name: the vault's key encryption key; it is made where there is none of that name.
        kek_bits: its least size; None for 3072, or that of a larger RSA key.
        new_version: where the name is another key's, have ours become its newest version.
        by_use: prove the key by using it; else by its public key alone, where nobody who pushes may use it.
    """

    kek_name: str = DEFAULT_NAME
    kek_bits: int | None = None
    new_version: bool = False
    by_use: bool = True


AS_USUAL: Final = Wishes()


def push(
    ledger: Ledger,
    vault: AzureVault,
    wishes: Wishes = AS_USUAL,
    *,
    patience: int = PATIENCE_SECONDS,
    progress: Progress | None = None,
) -> None:
    """Walk the steps that remain.

    Args:
        patience: seconds to wait for a throttled vault, all in all.

    Raises:
        KeyferryError: what stopped it, recorded as the deployment's problem; the next run goes on from there.
    """
    heard = progress or Quiet()
    _Walk(ledger, vault, wishes, Patience(patience, heard), heard).run()


class _Walk:
    """One run: what it knows of the deployment, and what it has in its hands between steps."""

    def __init__(
        self, ledger: Ledger, vault: AzureVault, wishes: Wishes, patience: Patience, progress: Progress
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._wishes = wishes
        self._patience = patience
        self._progress = progress
        self._held: Held = ledger.held()
        self._planned: Planned = ledger.planned()
        self._kek: Kek | None = None
        self._file: Exported | None = None
        self._steps: dict[Step, Callable[[], str]] = {
            Step.KEK_READY: self._ready_kek,
            Step.EXPORTED: self._export,
            Step.IMPORTED: self._import,
            Step.READ_BACK: self._read_back,
            Step.PROVED: self._prove,
        }

    def run(self) -> None:
        if not unfinished(self._planned.step):
            return
        with self._recording(_next(self._planned.step)):
            first = self._first()
        for step in ORDER[ORDER.index(first) :]:
            self._progress.began(step)
            with self._recording(step):
                what = self._steps[step]()
            self._progress.done(step, what)

    def _first(self) -> Step:
        """The step to begin with. Before the import that is the first, unless the key turns out to be there already:
        the KEK may have changed meanwhile, and there is no file.
        """
        present = self._planned.step
        if not before_import(present):
            return _next(present)
        arrived = present is Step.EXPORTED and self._look().ours is not None
        return Step.IMPORTED if arrived else Step.KEK_READY

    @contextmanager
    def _recording(self, step: Step) -> Iterator[None]:
        try:
            yield
        except KeyferryError as refusal:
            with suppress(KeyferryError):  # what stopped the step is what the person must see
                self._ledger.fail(step, refusal)
            raise

    def _ready_kek(self) -> str:
        self._require_can_leave()
        arrival = self._look()
        if arrival.ours is None:  # found out before the key leaves for nothing
            require_free(arrival, self._planned.name, new_version=self._wishes.new_version)
        bits = self._wishes.kek_bits or bits_for(self._held.algorithm)
        kek = self._ask(lambda: ready_kek(self._vault, self._wishes.kek_name, bits))
        self._kek = kek
        evidence = {"identifier": kek.identifier, "public_key": kek.pem.decode("ascii"), "made": kek.made}
        self._record(Step.KEK_READY, evidence)
        return f"{'made' if kek.made else 'found'} {kek.identifier}, {kek.bits} bits, SPKI SHA-256 {kek.spki_sha256}"

    def _export(self) -> str:
        self._require_can_leave()
        assert self._kek is not None  # `_first` begins with it wherever a file is needed
        try:
            self._file = self._ledger.export(self._kek.pem, self._kek.identifier)
        except KeyferryError as refusal:
            if refusal.code != _NOT_REGISTERED:
                raise
            raise self._not_registered(self._kek) from None
        self._record(Step.EXPORTED, {"export": self._file.id, "sha256": self._file.sha256})
        return f"export {self._file.id}, the file's SHA-256 {self._file.sha256}"

    def _import(self) -> str:
        arrival, adopted = self._look(), True
        if arrival.ours is None:
            require_free(arrival, self._planned.name, new_version=self._wishes.new_version)
            found, adopted = self._hand_over(), False
        else:
            found = arrival.ours
        self._record(Step.IMPORTED, {"identifier": found.identifier, "adopted": adopted})
        return f"{'found there already:' if adopted else 'as'} {found.identifier}"

    def _hand_over(self) -> VaultKey:
        """Import the file; it is sent once, and looked for when the answer is lost."""
        if self._file is None:  # what was there a moment ago is there no longer
            self._ready_kek()
            self._export()
        assert self._file is not None
        self._require_alone(self._file)
        content, algorithm = self._file.content, self._held.algorithm
        try:
            return self._ask(
                lambda: self._vault.import_file(
                    self._planned.name,
                    content,
                    kty=f"{algorithm.family.value}-HSM",
                    curve=azure_curve(algorithm),
                    operations=self._planned.operations or None,
                    enabled=True,
                    tags={KEY_TAG: self._held.key_id, VERSION_TAG: self._held.version_id},
                )
            )
        except AnswerLost:
            found = self._ask(lambda: look_for_lost(self._vault, self._planned.name, self._public_key)).ours
            if found is None:
                raise
            return found

    def _read_back(self) -> str:
        found = self._remote()
        drifts = [*differences_in_kind(self._held, found), *differences_in_attributes(self._planned.operations, found)]
        if drifts:
            raise Conflict(
                " ".join(drift.detail for drift in drifts),
                code="vault-key-differs",
                field="name",
                advice=drifts[0].advice,
            )
        self._record(Step.READ_BACK, told_by(found))
        size = f"{found.bits} bits" if found.curve is None else found.curve
        return f"{found.kty}, {size}, may {', '.join(found.operations)}, enabled, {found.recovery_level}"

    def _prove(self) -> str:
        if self._wishes.by_use:
            found = self._remote()
            proved = self._ask(lambda: prove(self._vault, found, self._public_key))
        else:
            proved = Proved(PUBLIC_KEY_ONLY, None, dict.fromkeys(PROOFS, NOT_WANTED))
        evidence = {"how": proved.how, "algorithm": proved.algorithm, "why_not": dict(proved.why_not)}
        self._record(Step.PROVED, evidence)
        if proved.how == PUBLIC_KEY_ONLY:
            reasons = "; ".join(f"{operation}: {why}" for operation, why in proved.why_not.items())
            return f"by its public key only, not by use ({reasons})"
        return f"by use: the vault's {proved.how} ({proved.algorithm}) fits the public key held here"

    @property
    def _public_key(self) -> bytes:
        if self._held.public_key is None:
            raise InvalidInput(
                f"A key of type {self._held.algorithm.name} has no public half to find it by in a vault.",
                code="target-needs-managed-hsm",
                field="key",
                advice="Push an RSA or EC key; take a symmetric one to a Managed HSM with `keyferry key export`.",
            )
        return self._held.public_key

    def _require_can_leave(self) -> None:
        """An export wraps the current version: any other can no longer be pushed."""
        if self._held.version_number != self._held.current_version:
            raise Conflict(
                f"The key was rotated: its current version is {self._held.current_version}, and this deployment is of "
                f"version {self._held.version_number}.",
                field="key",
                advice="Push the current version: keyferry azure push KEY",
            )

    def _not_registered(self, kek: Kek) -> KekRefused:
        named = "" if self._wishes.kek_name == DEFAULT_NAME else f" --kek-name {self._wishes.kek_name}"
        return KekRefused(
            f"Exports here go only under registered key encryption keys, and {kek.identifier} is none "
            f"(SPKI SHA-256 {kek.spki_sha256}).",
            code=_NOT_REGISTERED,
            field="kek_name",
            advice="Have an Administrator compare that fingerprint with Azure's and register the key (keyferry azure "
            "kek download, then keyferry kek register); then go on: keyferry azure push --resume "
            f"{self._planned.id}{named}",
        )

    def _require_alone(self, file: Exported) -> None:
        """Another run that has exported since is on its way to import too, and finds nothing there yet: it goes on."""
        recorded = self._ledger.planned().evidence.get(Step.EXPORTED, {}).get("export")
        if recorded != file.id:
            raise Conflict(
                "Another push of it has begun meanwhile, and goes on.",
                code="deployment-busy",
                field="deployment",
                advice="Wait until it has ended, and see how it ended: keyferry azure status",
            )

    def _look(self) -> Arrival:
        return self._ask(lambda: look(self._vault, self._planned.name, self._public_key))

    def _remote(self) -> VaultKey:
        name, version = str(self._planned.evidence[Step.IMPORTED]["identifier"]).split("/")[-2:]
        return self._ask(lambda: self._vault.get(name, version))

    def _record(self, step: Step, evidence: Mapping[str, Any]) -> None:
        self._ledger.record(step, evidence)
        self._planned = self._ledger.planned()

    def _ask(self, act: Callable[[], T]) -> T:
        return self._patience.try_until(act)


def _next(step: Step) -> Step:
    return ORDER[ORDER.index(step) + 1]
