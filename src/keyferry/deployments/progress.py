"""Who hears of a push while it runs."""

from typing import Protocol

from keyferry.custody.deployment_steps import Step


class Progress(Protocol):
    """Hears of each step of a push."""

    def began(self, step: Step) -> None:
        """A step begins."""
        ...

    def done(self, step: Step, what: str) -> None:
        """A step is done and recorded; `what` is a sentence for people."""
        ...

    def waiting(self, seconds: int, why: str) -> None:
        """The vault asked to be left alone for so long."""
        ...


class Quiet:
    """Hears of everything and says nothing: for the server, whose answer says it all."""

    def began(self, step: Step) -> None:
        """Say nothing."""

    def done(self, step: Step, what: str) -> None:
        """Say nothing."""

    def waiting(self, seconds: int, why: str) -> None:
        """Say nothing."""
