"""Keyferry's command line, run as a person would, with a configuration of the rehearsal's own."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyferry.errors import KeyferryError
from keyferry.rehearsal.narration import Narration

ADMINISTRATOR = "admin"
USER = "kim"


class StepFailed(KeyferryError):
    """A command of the rehearsal failed, or its result was not what it should be."""

    default_code = "client-failed"
    default_advice = "The lines above show the command and what it said."


class Commands:
    """Runs `keyferry …`, tells of it, and fails loudly.

    Args:
        directory: holds the configuration and the passwords.
    """

    def __init__(self, directory: Path, tell: Narration) -> None:
        self._directory = directory
        self._tell = tell
        kept = {name: value for name, value in os.environ.items() if not decides_where(name)}
        self.environment: dict[str, str] = kept | {"XDG_CONFIG_HOME": str(directory / "config")}

    def also(self, variables: Mapping[str, str]) -> None:
        """Set variables for every command from here on."""
        self.environment.update(variables)

    def password(self, name: str) -> Path:
        """The file that holds a user's password, for `--password-file`; made when first asked for."""
        path = self._directory / f"{name}.password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(18))
        return path

    def run(self, *words: str | Path, by: str | None = None) -> None:
        """Run a command, as the user `by`, and show what it prints.

        Raises:
            StepFailed: it ended with another exit code than 0.
        """
        done = self._do(words, by)
        self._tell.fact((done.stdout + done.stderr).strip())
        _require_success(words, done)

    def facts(self, *words: str | Path, by: str | None = None) -> Any:
        """Run a command with `--json` and give what it answers; otherwise as `run`."""
        done = self._do((*words, "--json"), by)
        if done.returncode != 0:
            self._tell.fact((done.stdout + done.stderr).strip())
        _require_success(words, done)
        return json.loads(done.stdout)

    def _do(self, words: tuple[str | Path, ...], by: str | None) -> "subprocess.CompletedProcess[str]":
        arguments = [str(word) for word in words]
        profile = {} if by is None else {"KEYFERRY_PROFILE": by}
        self._tell.command([*(f"{name}={value}" for name, value in profile.items()), "keyferry", *arguments])
        return subprocess.run(  # no shell, and words of our own
            [sys.executable, "-m", "keyferry", *arguments],
            env=self.environment | profile,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )


def decides_where(name: str) -> bool:
    """Whether a variable of the person's own would lead the rehearsal to other servers than its own."""
    return name.startswith(("KEYFERRY_", "AZURE_", "ARM_")) or name.upper() in {
        "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE",
        "SSL_CERT_DIR", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET",
    }  # fmt: skip


def _require_success(words: tuple[str | Path, ...], done: "subprocess.CompletedProcess[str]") -> None:
    if done.returncode != 0:
        name = " ".join(str(word) for word in words[:2])
        raise StepFailed(f"keyferry {name} ended with exit code {done.returncode}.")
