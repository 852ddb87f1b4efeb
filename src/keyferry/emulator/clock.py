"""Time as the emulator keeps it: whole seconds since 1970, UTC, as Key Vault's attributes have it."""

import time


def now() -> int:
    """This moment. Everything in the emulator asks here, so that tests can travel."""
    return int(time.time())
