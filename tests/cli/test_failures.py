"""Exit codes, and the two lines of a failure."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.cli.terminal import Shell

from keyferry.cli.command_line import CommandLine, command_line
from keyferry.cli.failures import Command
from keyferry.errors import InvalidInput


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["key", "create"], "Missing option '--type'"),
        (["key", "create", "--type", "rsa-1024"], "'rsa-1024' is not one of"),
        (["key", "list", "--limit", "0"], "0 is not in the range"),
        (["key", "list", "--colour"], "No such option '--colour'"),
        (["key", "create", "--type", "rsa-2048", "--usage", "fly"], "'fly' is no list such as encrypt,decrypt"),
        (["token", "create", "t", "--lifetime", "soon"], "'soon' is no time span such as 12h or 90d"),
        (["user", "edit", "kim", "--group", "a", "--no-groups"], "--group and --no-groups exclude each other"),
        (["init", "--password-file", "x"], "A password was given, and no name"),
    ],
)
def test_wrong_usage_ends_with_2_and_two_lines(shell: Shell, arguments: list[str], said: str) -> None:
    if arguments[0] == "user":  # what excludes each other is judged when the profile is known
        shell.write_profile()
    outcome = shell(*arguments, code=2)
    what, advice = outcome.refusal
    assert what.startswith("error (wrong-usage): ")
    assert said in what
    assert advice
    assert outcome.out == ""


def test_wrong_usage_names_the_help_to_read(shell: Shell) -> None:
    assert shell("key", "create", code=2).refusal[1] == "See: keyferry key create --help"


@pytest.mark.parametrize("arguments", [[], ["key"], ["byok"]])
def test_a_noun_alone_shows_its_help_and_ends_with_2(shell: Shell, arguments: list[str]) -> None:
    outcome = shell(*arguments, code=2)
    assert outcome.err.startswith(" ".join(["Usage: keyferry", *arguments]))
    assert "Commands:" in outcome.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["key", "--help"], ["key", "create", "-h"]])
def test_help_ends_with_0(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments).out.startswith("Usage: keyferry")


def test_a_refusal_ends_with_1_and_names_the_option_as_it_is_typed(shell: Shell, tmp_path: Path) -> None:
    key = tmp_path / "kek.pem"
    key.write_text("no key")
    what, advice = shell(
        *("byok", "wrap", "--to", "azure", "--key", key, "--public-key", key),
        *("--key-identifier", "http://x", "--output", tmp_path / "out.byok"),
        code=1,
    ).refusal
    assert what == "error (identifier-not-https) in --key-identifier: The key identifier does not begin with https://."
    assert "https://<vault>.vault.azure.net/keys/" in advice
    assert not (tmp_path / "out.byok").exists()


class TestWhatACommandRaises:
    @pytest.fixture
    def run(self, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
        return CliRunner()

    @staticmethod
    def line_with(callback: object) -> CommandLine:
        class One(CommandLine):
            def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
                return Command("go", callback=callback)  # type: ignore[arg-type]  # a test's own function

        return One("keyferry", places={"go": ("nowhere:go", "Go.")})

    def test_what_others_wrote_cannot_move_the_cursor(self, run: CliRunner) -> None:
        def go() -> None:
            raise InvalidInput("A name\x1b[2J\nwith\ttraps", field="na\x1bme", advice="Do\x07 this")

        result = run.invoke(self.line_with(go), ["go"])
        assert result.exit_code == 1
        assert result.stderr.isascii() is False
        assert "\x1b" not in result.stderr
        assert "\x07" not in result.stderr
        assert len(result.stderr.splitlines()) == 2

    def test_a_fault_shows_its_kind_and_place_but_not_its_text(self, run: CliRunner) -> None:
        def go() -> None:
            raise RuntimeError("hunter2")

        result = run.invoke(self.line_with(go), ["go"])
        assert result.exit_code == 1
        assert result.stderr.startswith(
            "error (internal-error): The command failed with RuntimeError at test_failures.py:"
        )
        assert "hunter2" not in result.stderr + result.stdout

    def test_an_interruption_ends_with_1(self, run: CliRunner) -> None:
        def go() -> None:
            raise KeyboardInterrupt

        result = run.invoke(self.line_with(go), ["go"])
        assert result.exit_code == 1
        assert "error (interrupted): Interrupted." in result.stderr


def test_without_standalone_mode_errors_are_raised_for_the_program_that_calls() -> None:
    with pytest.raises(click.UsageError):
        command_line.main(["frobnicate"], prog_name="keyferry", standalone_mode=False)
