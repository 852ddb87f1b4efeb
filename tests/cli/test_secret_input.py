"""Secrets come from private files, pipes, standard input or a prompt."""

import os
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from keyferry.cli.failures import WrongUsage
from keyferry.cli.secret_input import read_password, read_secret
from keyferry.errors import KeyferryError
from keyferry.material.secret import Secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("mild-harbour\n")
    path.chmod(0o600)
    return path


def read(given: object) -> bytes:
    return read_secret(str(given), what="password", field="password_file").reveal()


def refusal(given: object) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        read(given)
    assert "mild-harbour" not in str(caught.value) + caught.value.advice
    return caught.value


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_for_its_owner_alone_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read(file) == b"mild-harbour"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_for_others_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    error = refusal(file)
    assert (error.code, error.field) == ("file-refused", "password_file")
    assert "chmod 600" in error.advice


@pytest.mark.parametrize(
    ("content", "secret"),
    [(b"a b\n", b"a b"), (b"a\r\n", b"a"), (b"a", b"a"), (b" a \n", b" a "), (b"a\n\n", b"a\n"), (b"\xff\n", b"\xff")],
)
def test_one_line_end_is_no_part_of_it(file: Path, content: bytes, secret: bytes) -> None:
    file.write_bytes(content)
    assert read(file) == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_nothing_is_no_secret(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert "is empty" in refusal(file).detail


def test_a_whole_disk_is_no_secret(file: Path) -> None:
    file.write_bytes(b"x" * 4097)
    assert "larger than 4096 bytes" in refusal(file).detail


def test_a_missing_file_a_directory_and_a_link_are_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file)
    assert "There is no password file" in refusal(tmp_path / "none").detail
    assert "not a regular file" in refusal(tmp_path).detail
    assert "symbolic link" in refusal(tmp_path / "link").detail


@pytest.mark.parametrize(("mode", "taken"), [(0o600, True), (0o644, False)])
def test_a_pipe_is_taken_if_it_is_private(tmp_path: Path, mode: int, taken: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(mode)
    if not taken:
        assert "Others can use the pipe" in refusal(pipe).detail
        return
    writer = threading.Thread(target=pipe.write_bytes, args=(b"mild-harbour\n",))
    writer.start()
    assert read(pipe) == b"mild-harbour"
    writer.join()


def test_what_a_shell_substitutes_is_taken() -> None:
    """`<(command)` is a path such as /dev/fd/63, which leads to a pipe."""
    reading, writing = os.pipe()
    os.write(writing, b"mild-harbour\n")
    os.close(writing)
    assert read(f"/dev/fd/{reading}") == b"mild-harbour"
    os.close(reading)


@click.command()
@click.option("--password-file")
def asking(password_file: str | None) -> None:
    click.echo(f"{read_password(password_file, field='password_file')[::-1]}")


def test_a_dash_is_standard_input() -> None:
    result = CliRunner().invoke(asking, ["--password-file", "-"], input="mild-harbour\n")
    assert result.stdout == "ruobrah-dlim\n"


def test_without_a_terminal_there_is_no_prompt() -> None:
    result = CliRunner().invoke(asking, [], input="mild-harbour\n", standalone_mode=False)
    assert isinstance(result.exception, WrongUsage)
    assert result.exception.advice.startswith("Give --password-file FILE")


def test_a_prompt_hides_what_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def prompt(text: str, **options: object) -> str:
        asked.append((text, options))
        return "mild-harbour"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "prompt", prompt)
    secret = read_secret(None, what="password", field="password_file", confirm=True)
    assert secret.reveal() == b"mild-harbour"
    assert asked == [("Password", {"hide_input": True, "confirmation_prompt": True, "err": True})]


def test_a_password_is_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\n")
    with pytest.raises(KeyferryError, match="not text in UTF-8"):
        read_password(str(file), field="password_file")


def test_a_secret_does_not_print() -> None:
    assert "mild" not in f"{Secret(b'mild-harbour')}"
