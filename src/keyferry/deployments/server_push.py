"""What the server does in a vault for a caller: push, look, back up, check; always through a connection.

Requests leave as the server's settings say, to hosts that they allow.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from threading import BoundedSemaphore
from typing import Final

from keyferry import clock
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.vault import AzureVault
from keyferry.custody.caller import Caller
from keyferry.custody.custody import Custody
from keyferry.custody.customer_key_lookup import CustomerKeyDetail
from keyferry.custody.deployment_lookup import DeploymentDetail, awaits_word
from keyferry.custody.deployment_reports import Backup, Problem
from keyferry.custody.deployment_steps import ORDER, Reporter, Step, unfinished
from keyferry.deployments.custody_ledger import CustodyLedger
from keyferry.deployments.observing import expected_of, observe, take_backup
from keyferry.deployments.push import AS_USUAL, Wishes, push
from keyferry.deployments.server_checks import NO_PRINCIPALS, validate
from keyferry.deployments.through_connection import session_for
from keyferry.errors import InternalError, KeyferryError, Overloaded

#: seconds that a run waits for a throttled vault, all in all: somebody waits for the answer
PATIENCE_SECONDS: Final = 45
AT_ONCE: Final = 16
_TURNED_AWAY_SECONDS: Final = 10

_FAULT: Final = "The server failed while it pushed."
_FAULT_ADVICE: Final = "Its log has more: look for the deployment {}. Then push on."


class Pushes:
    """Pushes, looks, backups and checks through connections; what the doors call.

    Each waits for a vault in a thread that others could use: all methods raise Overloaded (`overloaded`), and nothing
    has begun, when as many run as may.

    Args:
        outgoing: how requests leave this server, and where they may go.
        at_once: pushes, looks and backups that run at the same time.
    """

    def __init__(self, custody: Custody, outgoing: Outgoing, *, at_once: int = AT_ONCE) -> None:
        self._custody = custody
        self._outgoing = outgoing
        self._places = BoundedSemaphore(at_once)

    def run(self, caller: Caller, deployment: str, wishes: Wishes = AS_USUAL) -> DeploymentDetail:
        """Walk the steps of a deployment that remain, holding it meanwhile.

        Raises:
            Conflict: somebody else pushes it (`deployment-busy`), or it may not be pushed.
            KeyferryError: what stopped it, recorded as the deployment's problem.
        """
        began = clock.now()
        with self._place():
            try:
                self._walk(caller, deployment, wishes)
            except Exception as stopped:
                keep_refusal(self._custody, caller, deployment, stopped, since=began)
                raise
        return self._custody.deployments.show(caller, deployment)

    def _walk(self, caller: Caller, deployment: str, wishes: Wishes) -> None:
        leased = self._custody.deployments.lease(caller, deployment)
        ledger = CustodyLedger(self._custody, caller, deployment, leased.lease)
        try:
            with self._vault(caller, leased.detail, ledger) as vault:
                push(ledger, vault, wishes, patience=PATIENCE_SECONDS)
        finally:
            with suppress(KeyferryError):  # what stopped it is what the caller must see; a lease ends by itself
                self._custody.deployments.release(caller, deployment, leased.lease)

    def observe(self, caller: Caller, deployment: str) -> DeploymentDetail:
        """Look at a pushed key where it is, and record what is seen.

        Raises:
            Conflict: nothing was imported yet (`deployment-not-imported`), or a client pushes it.
            KeyferryError: the vault could not be asked.
        """
        ledger = CustodyLedger(self._custody, caller, deployment)
        detail = self._custody.deployments.show(caller, deployment)
        expected = expected_of(ledger.held(), ledger.planned(), ledger.placed())
        with self._place(), self._vault(caller, detail) as vault:
            observed, _ = observe(vault, expected)
        return self._custody.deployments.observe(caller, deployment, observed, reported_by=Reporter.SERVER)

    def back_up(self, caller: Caller, deployment: str) -> bytes:
        """Have the vault back a pushed key up, record that, and answer the vault's file, which is kept nowhere.

        Raises:
            As `observe`; and Conflict (`vault-key-differs`), when the vault's key is not ours.
        """
        ledger = CustodyLedger(self._custody, caller, deployment)
        detail = self._custody.deployments.show(caller, deployment)
        expected = expected_of(ledger.held(), ledger.planned(), ledger.placed())
        with self._place(), self._vault(caller, detail) as vault:
            content = take_backup(vault, expected)
        taken = Backup(sha256=hashlib.sha256(content).hexdigest(), size=len(content), taken_at=clock.now())
        self._custody.deployments.backed_up(caller, deployment, taken, reported_by=Reporter.SERVER)
        return content

    def validate(
        self,
        caller: Caller,
        request: str,
        *,
        principals: Mapping[str, str] = NO_PRINCIPALS,
        accept_unseen: bool = False,
    ) -> CustomerKeyDetail:
        """Check both keys of a Customer Key request where they are, and mark it: see `server_checks.validate`."""
        with self._place():
            return validate(
                self._custody, self._outgoing, caller, request, principals=principals, accept_unseen=accept_unseen
            )

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Overloaded(
                "The server does as much in vaults as it may at once; nothing has begun.",
                code="overloaded",
                retry_after=_TURNED_AWAY_SECONDS,
                advice="Try again in a little while.",
            )
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def _vault(
        self, caller: Caller, detail: DeploymentDetail, ledger: CustodyLedger | None = None
    ) -> Iterator[AzureVault]:
        """The deployment's vault, through its connection; where a push cannot get that far, `ledger` hears why."""
        try:
            session = session_for(self._custody, self._outgoing, caller, detail)
            vault = AzureVault(session, detail.deployment.vault)
        except KeyferryError as refusal:
            if ledger is not None and unfinished(detail.step):
                with suppress(KeyferryError):  # the refusal itself is what the caller must see
                    ledger.fail(_following(detail.step), refusal)
            raise
        with session:
            yield vault


def keep_refusal(
    custody: Custody, caller: Caller, deployment: str, stopped: Exception, *, since: clock.Microseconds
) -> None:
    """Keep with a deployment why a push of it did not go on, where its steps have not told already.

    Args:
        since: when the push was asked for.
    """
    if isinstance(stopped, KeyferryError) and not isinstance(stopped, InternalError):
        problem = Problem(code=stopped.code, detail=stopped.detail, advice=stopped.advice or None)
    else:  # a fault's own words are for the log
        problem = Problem(code=InternalError.default_code, detail=_FAULT, advice=_FAULT_ADVICE.format(deployment))
    with suppress(KeyferryError):  # what stopped it is what the caller must see
        present = custody.deployments.show(caller, deployment).deployment
        if awaits_word(present, clock.now(), since):
            custody.deployments.note_refusal(caller, deployment, problem, since=since)


def sdk_is_installed() -> bool:
    """Whether Azure's SDK, an extra, is there; nothing of it is loaded."""
    try:
        return all(find_spec(name) is not None for name in ("azure.identity", "azure.keyvault.keys"))
    except ModuleNotFoundError:  # not even the package that they are in
        return False


def _following(step: Step) -> Step:
    return ORDER[ORDER.index(step) + 1]
