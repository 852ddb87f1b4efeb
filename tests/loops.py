"""Event loops beside a browser: once a process has opened one, a loop runs in its main thread until it ends."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

T = TypeVar("T")


def run_apart(story: Callable[[], Awaitable[T]]) -> T:
    """Run `story` to its end in an event loop of its own, in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, story).result()
