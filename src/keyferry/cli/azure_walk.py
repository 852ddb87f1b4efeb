"""A push that this machine makes with its own sign-in: one at a time for a deployment, told step by step."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from keyferry.cli.output import plain
from keyferry.cli.profiles import path_of
from keyferry.cli.progress import working
from keyferry.errors import Conflict

if TYPE_CHECKING:  # loaded when a command runs, not when its help is shown
    from keyferry.cli.azure_places import Deployment
    from keyferry.cli.azure_sign_in import SignIn
    from keyferry.cli.connection import Server
    from keyferry.custody.deployment_steps import Step
    from keyferry.deployments.push import Wishes


def push_from_here(server: "Server", azure: "SignIn", deployment: "Deployment", wishes: "Wishes") -> None:
    """Walk the steps of a deployment that remain; each is recorded at the server.

    Raises:
        Conflict: (`deployment-busy`) another push of it runs on this machine.
        KeyferryError: what stopped it, recorded as the deployment's problem.
    """
    from keyferry.cli.azure_ledger import RestLedger
    from keyferry.clouds.azure.vault import AzureVault
    from keyferry.deployments.push import push

    id_ = str(deployment["id"])
    with _alone(server, id_), azure.session() as session, Steps() as steps:
        push(RestLedger(server, id_), AzureVault(session, str(deployment["vault"])), wishes, progress=steps)


class Steps:
    """Tells of each step on standard error, in a line once it is done; a terminal sees the seconds meanwhile."""

    def __init__(self) -> None:
        self._ticking = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ticking.close()

    def began(self, step: "Step") -> None:
        """A step begins."""
        self._ticking.close()
        self._ticking.enter_context(working(f"  {step.value}"))

    def done(self, step: "Step", what: str) -> None:
        """A line for the step."""
        self._ticking.close()
        sys.stderr.write(f"  {step.value:<10} {plain(what)}\n")

    def waiting(self, seconds: int, why: str) -> None:
        """A line for the wait."""
        sys.stderr.write(f"  waiting    {seconds} s: {plain(why)}\n")
        sys.stderr.flush()


@contextmanager
def _alone(server: "Server", deployment: str) -> Iterator[None]:
    """Hold a deployment against other pushes from this machine. The system lets go when the process ends, however."""
    folder = path_of(server.profile.name).parent.parent / "pushes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{deployment}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "Another push of it is going on, from this machine.",
                code="deployment-busy",
                field="deployment",
                advice="Wait until it has ended, and see how it ended: keyferry azure status",
            ) from None
        yield
    finally:
        os.close(descriptor)
