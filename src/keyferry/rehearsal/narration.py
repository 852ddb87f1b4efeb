"""Telling the person at the terminal what happens, while it happens, and keeping what was told."""

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO


@dataclass(slots=True)
class Told:
    """A step as it went: what was run, and the evidence that it held. `seconds` is None until it has ended."""

    number: int
    system: str
    title: str
    commands: list[str] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)
    outcome: str = "running"
    seconds: float | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The step for `--json`."""
        return {
            "step": self.number,
            "system": self.system,
            "title": self.title,
            "outcome": self.outcome,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "commands": self.commands,
            "evidence": self.evidence,
        }


class Narration:
    """Numbered steps, each with the commands that it ran, what came of them, and how long it took."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._of = 0
        self.told: list[Told] = []

    def expect(self, steps: int) -> None:
        """Say of how many steps each will be one."""
        self._of = steps

    @contextmanager
    def step(self, system: str, title: str) -> Iterator[None]:
        """One step, at the system where a person would do it; a failure inside is named before it goes on upwards."""
        told = Told(len(self.told) + 1, system, title)
        self.told.append(told)
        began = time.monotonic()
        self.say(f"\n{told.number}/{self._of}  {system}: {title}")
        try:
            yield
        except BaseException:
            told.outcome = "failed"
            self.say("      FAILED")
            raise
        finally:
            told.seconds = time.monotonic() - began
        told.outcome = "held"
        self.say(f"      done in {told.seconds:.1f} s")

    def command(self, words: Sequence[str]) -> None:
        """A command as a person would type it."""
        line = shlex.join(words)
        self.told[-1].commands.append(line)
        self.say(f"      $ {line}")

    def call(self, text: str) -> None:
        """A call to a library, as a person would write it."""
        self.told[-1].commands.append(text)
        self.say(f"      >>> {text}")

    def fact(self, text: str) -> None:
        """What came of a command, line by line below it."""
        for line in text.splitlines():
            self.say(f"      {line}" if line else "")

    def evidence(self, **facts: Any) -> None:
        """What shows that the step held; told, and kept for `--json`."""
        self.told[-1].evidence.update(facts)
        for name, value in facts.items():
            self.fact(f"{name.replace('_', ' ')}: {_in_words(value)}")

    def say(self, text: str) -> None:
        """What belongs to no step."""
        print(text, file=self._out, flush=True)


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return str(value)
