"""A server that is killed in the middle of a push, after each step: another goes on, and imports nothing twice."""

import signal
import subprocess
import sys

import pytest
from tests.custody.reading import later
from tests.custody.refusing import refused

from keyferry.clock import SECOND
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.clouds.azure.vault import AzureVault
from keyferry.custody.caller import Caller
from keyferry.custody.deployment_steps import ORDER, Step
from keyferry.custody.deployments import LEASE
from keyferry.deployments.server_push import Pushes
from keyferry.testing import Kit

DYING = """
import os, signal, sys
from pathlib import Path
from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.deployments import server_push
from keyferry.deployments.custody_ledger import CustodyLedger
from keyferry.testing import Kit
home, proxy, ca_file, deployment, moment, last = sys.argv[1:]

class Dying(CustodyLedger):
    def record(self, step, evidence):
        self._die("before", step)
        super().record(step, evidence)
        self._die("after", step)

    def _die(self, now, step):
        if (now, step.value) == (moment, last):
            os.kill(os.getpid(), signal.SIGKILL)

server_push.CustodyLedger = Dying
kit = Kit.open(Path(home))
pushes = server_push.Pushes(kit.custody, Outgoing(proxy=proxy, ca_file=Path(ca_file)))
pushes.run(kit.sign_in("kim"), deployment)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ORDER[1:])
def test_a_push_by_a_server_that_was_killed_is_taken_up_by_the_next(
    kit: Kit, kim: Caller, outgoing: Outgoing, planned: str, vault: AzureVault, name: str, moment: str, step: Step
) -> None:
    way = [str(kit.installation.settings.home), str(outgoing.proxy), str(outgoing.ca_file), planned]
    killed = subprocess.run([sys.executable, "-c", DYING, *way, moment, step], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    stopped = kit.custody.deployments.show(kim, planned)
    done = ORDER.index(step) - (moment == "before")
    assert stopped.step is ORDER[done]
    assert len(vault.versions(name)) == (step not in ORDER[: ORDER.index(Step.IMPORTED)])
    pushes = Pushes(kit.custody, outgoing)
    if stopped.step is not Step.PROVED:
        with refused("deployment-busy") as refusal:  # whether that server lives, nobody can know
            pushes.run(kim, planned)
        assert "it may be run again at" in refusal.error.advice
    with later(LEASE + SECOND):
        again = pushes.run(kim, planned)
    assert (again.step, again.deployment.problem, again.deployment.lease_id) == (Step.PROVED, None, None)
    assert again.evidence[Step.IMPORTED]["adopted"] == ((moment, step) == ("before", Step.IMPORTED))
    assert len(vault.versions(name)) == 1
