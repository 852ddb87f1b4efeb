"""A backup that is cut off, by a signal or a full disk, leaves no file under its name."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from keyferry.backup.creating import create_backup
from keyferry.testing import Kit

KILLED = """
import os, signal, sys
from pathlib import Path
from keyferry.backup.creating import create_backup
from keyferry.config.sources import load_settings
from keyferry.installation import open_installation
home, file = map(Path, sys.argv[1:])
installation = open_installation(load_settings(home, environ={}))
create_backup(installation, file, lambda done, of: done == of - 1 and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_killed_it_leaves_no_file_under_its_name(kit: Kit, tmp_path: Path) -> None:
    home, file = kit.installation.settings.home, tmp_path / "store.backup"
    ended = subprocess.run([sys.executable, "-c", KILLED, home, file], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not file.exists()
    events = kit.custody.audit.list(kit.administrator, size=100).items
    assert "backup.create" not in {event.operation for event in events}
    assert create_backup(kit.installation, file).file.exists()


@pytest.mark.parametrize("database_file", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_is_told_and_leaves_nothing(kit: Kit, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: what is written beyond it fails in the same way."""
    home, file = kit.installation.settings.home, tmp_path / "out" / "store.backup"
    file.parent.mkdir()

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    ended = subprocess.run(
        [sys.executable, "-m", "keyferry", "backup", "create", file, "--home", home],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=little_room,  # one thread, and nothing but two system calls
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error (file-refused) in FILE: The backup cannot be written to ")
    assert list(file.parent.iterdir()) == []
