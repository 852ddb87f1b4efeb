"""The command `keyferry`, as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

PROGRAM: Final = Path(sys.executable).with_name("keyferry")
SECONDS: Final = 60


def keyferry(*arguments: str | Path) -> str:
    """What a `keyferry` command prints.

    Raises:
        AssertionError: it failed; says what it said.
    """
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"keyferry {' '.join(map(str, arguments[:3]))} ...\n{done.stderr}"
    return done.stdout
