"""The lines that docs/azure-emulator.md tells people to type do what it says, typed by the shell, in its order."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from interop.az import PROGRAM as AZ
from interop.az import QUIET, ROOT, SECONDS, leave_version
from interop.keyferry import PROGRAM as KEYFERRY
from interop.served import Served, served
from interop.ways import Way

PAGE: Final = (ROOT / "docs" / "azure-emulator.md").read_text()
PORT: Final = "localhost:8443"
WAYS: Final = {
    "By Azure's own names, through the proxy": Way.PROXY,
    "By a registered cloud": Way.CLOUD,
    "By the key's URL": Way.ID,
}


def listings(heading: str, language: str) -> str:
    """The listings of a language below a heading, as one text."""
    section = re.split(r"^##+ ", PAGE.partition(f" {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found, f"no {language} below {heading!r}"
    return "\n".join(found)


class Reader:
    """Somebody who types what the page says, in the directory where the emulator's home is `emulator`."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._directory = served.home.parent
        self._url = served.facts(Way.ID)["url"].removeprefix("https://")

    def types(self, script: str) -> str:
        """What a shell prints that runs the lines and stops at the first that fails."""
        script = script.replace(PORT, self._url).replace(":8443", f":{self._url.partition(':')[2]}")
        return self._run("bash", "-euo", "pipefail", "-c", script, environment={})

    def runs(self, program: str, way: Way) -> str:
        """What a Python program prints, in a shell that has a way's variables."""
        environment = dict(self._served.variables(way))
        return self._run(sys.executable, "-c", program.replace(PORT, self._url), environment=environment)

    def _run(self, *command: str, environment: dict[str, str]) -> str:
        path = f"{KEYFERRY.parent}:{AZ.parent}:{os.defpath}"
        done = subprocess.run(
            command,
            cwd=self._directory,
            env={"PATH": path, "HOME": str(self._directory), "LANG": "C.UTF-8"} | QUIET | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=4 * SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader with an emulator of their own, to whom `az` is new."""
    with served(tmp_path) as emulator:
        for way in Way:
            leave_version(emulator.home / f"az-{way}")
        yield Reader(emulator)


def test_every_way_in(reader: Reader) -> None:
    printed = {way: reader.types(listings(heading, "sh")) for heading, way in WAYS.items()}
    assert '"kty": "RSA-HSM"' in printed[Way.PROXY]
    assert "https://keyferry-vault-a.vault.azure.net/keys/key/" in printed[Way.PROXY]
    assert '"name": "keyferry-vault-a"' in printed[Way.CLOUD]
    assert "/keys/id-kek" in printed[Way.ID]
    for heading in ("By Azure's own names, through the proxy", "By the key's URL"):
        names = reader.runs(listings(heading, "python"), WAYS[heading])
        assert all(f"'{name}'" in names for name in ("kek", "key", "cloud-kek", "id-kek")), names


def test_bad_days(reader: Reader) -> None:
    sign_in = listings("By Azure's own names, through the proxy", "sh").partition("\n\n")[0]
    printed = reader.types(f"{sign_in}\n{listings('Bad days, on purpose', 'sh')}")
    assert '"fault": "drop-after-commit"' in printed
    assert '"client_secret": ' in printed


def test_it_starts_in_two_commands() -> None:
    serve, env = listings("Start it", "sh").strip().splitlines()
    assert serve == "keyferry emulator serve --home emulator"
    assert env == 'eval "$(keyferry emulator env --home emulator)"'
