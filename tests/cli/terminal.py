"""A person at a terminal: the real command line, run in this process."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from keyferry.cli.command_line import command_line

PASSWORD = "mild-harbour-lantern-42"


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def refusal(self) -> tuple[str, str]:
        """The two lines of a failure; a test that asks for them asserts that there are two, in their form."""
        what, advice = self.err.splitlines()
        assert what.startswith("error (")
        assert advice.startswith("advice: ")
        return what, advice.removeprefix("advice: ")

    @property
    def last_refusal(self) -> tuple[str, str]:
        """The two lines of a failure, where lines about what went well stand before them."""
        return Outcome(self.code, self.out, "".join(self.err.splitlines(keepends=True)[-2:])).refusal


@dataclass
class Shell:
    """A person at a terminal, with a directory and profiles of their own."""

    directory: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, stdin: str | bytes | None = None, code: int | None = 0) -> Outcome:
        """Run `keyferry` with these arguments and expect this exit code; None expects any."""
        variables: dict[str, str | None] = {name: None for name in os.environ if name.startswith("KEYFERRY_")}
        variables |= {"XDG_CONFIG_HOME": str(self.directory / "config"), "HOME": str(self.directory), **self.env}
        result = CliRunner(env=variables).invoke(command_line, list(map(str, arguments)), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        outcome = Outcome(result.exit_code, result.stdout, result.stderr)
        assert code in {outcome.code, None}, f"{arguments}: {outcome.code}\n{outcome.out}\n{outcome.err}"
        return outcome

    def secret(self, name: str, text: str = PASSWORD) -> Path:
        """A file that only its owner can read."""
        path = self.directory / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def write_profile(self, server: str = "https://127.0.0.1:1", ca: str | None = None) -> Path:
        """A profile with a token that no server knows."""
        path = self.directory / "config" / "keyferry" / "profiles" / "default.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        lines = {"server": server, "token": "kf_unknown", "ca": ca}
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items() if value))
        return path

    def sign_in(
        self, server: "RunningServer", user: str, *, password: str = PASSWORD, profile: str = "default"
    ) -> None:
        file = self.secret(f"{user}.password", password)
        self(
            *("login", "--server", server.url, "--user", user, "--password-file", file),
            *("--ca-file", server.ca_file, "--profile", profile),
        )


@dataclass(frozen=True)
class RunningServer:
    home: Path
    url: str

    @property
    def ca_file(self) -> Path:
        return self.home / "tls" / "ca.pem"
