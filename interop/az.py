"""The Azure CLI, unmodified, as a process of its own: what it answers, and what it says when it is refused."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
PROGRAM: Final = ROOT / ".interop" / "bin" / "az"

#: no telemetry, survey, search for extensions or advice; answers as JSON, without colours or progress
QUIET: Final = {
    "AZURE_AUTO_UPGRADE_ENABLE": "no",
    "AZURE_CORE_COLLECT_TELEMETRY": "no",
    "AZURE_CORE_DISABLE_PROGRESS_BAR": "yes",
    "AZURE_CORE_ERROR_RECOMMENDATION": "off",
    "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
    "AZURE_CORE_NO_COLOR": "yes",
    "AZURE_CORE_OUTPUT": "json",
    "AZURE_CORE_SURVEY_MESSAGE": "no",
    "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
    "AZURE_LOGGING_ENABLE_LOG_FILE": "no",
}
SECONDS: Final = 180


@dataclass(frozen=True, slots=True)
class Az:
    """`az` with the variables of one way in, and none of the person's who runs the tests."""

    environment: Mapping[str, str]

    @classmethod
    def at(cls, directory: Path, environment: Mapping[str, str]) -> "Az":
        """`az` on a machine that knows nothing but `environment`, which says where its configuration lies."""
        leave_version(Path(environment["AZURE_CONFIG_DIR"]))
        own = {"HOME": str(directory), "LANG": "C.UTF-8"}
        return cls({"PATH": f"{PROGRAM.parent}:{os.defpath}"} | QUIET | dict(environment) | own)

    def __call__(self, *arguments: str | Path) -> Any:
        """The JSON that a command answers; None where it answers nothing.

        Raises:
            AssertionError: it failed; says what it said.
        """
        done = self._run(arguments)
        assert done.returncode == 0, f"az {' '.join(map(str, arguments[:4]))} ...\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str | Path) -> str:
        """What a command says that must not succeed; a traceback is no refusal."""
        done = self._run(arguments)
        assert done.returncode != 0, f"az {' '.join(map(str, arguments[:4]))} ... was not refused\n{done.stdout}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr

    def _run(self, arguments: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )


def leave_version(config: Path) -> None:
    """Leave a note of az's version where it looks for one; with none, it asks Microsoft for the newest, unasked."""
    pins = (ROOT / "requirements" / "interop.txt").read_text()
    found = re.search(r"^azure-cli-core==(\S+)", pins, re.MULTILINE)
    assert found is not None
    config.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = {"versions": {"core": {"local": found[1]}}, "update_time": ""}
    (config / "versionCheck.json").write_text(json.dumps(note))
