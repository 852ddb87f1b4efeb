"""Telling the person at the terminal what happens, while it happens."""

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO


class Narration:
    """Numbered steps, each with the commands that it ran, what came of them, and how long it took."""

    def __init__(self, steps: int, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._steps = steps
        self._step = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; a failure inside is named before it goes on upwards."""
        self._step += 1
        began = time.monotonic()
        self._say(f"\n{self._step}/{self._steps}  {title}")
        try:
            yield
        except BaseException:
            self._say("      FAILED")
            raise
        self._say(f"      done in {time.monotonic() - began:.1f} s")

    def command(self, words: Sequence[str]) -> None:
        """A command as a person would type it."""
        self._say(f"      $ {shlex.join(words)}")

    def fact(self, text: str) -> None:
        """What came of a command, line by line below it."""
        for line in text.splitlines():
            self._say(f"      {line}")

    def say(self, text: str) -> None:
        """What belongs to no step."""
        self._say(text)

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)
