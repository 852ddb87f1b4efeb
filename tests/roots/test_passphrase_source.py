"""Where the passphrase comes from."""

import sys
from pathlib import Path

import pytest

from keyferry.errors import CannotStart
from keyferry.roots import PassphraseSource


def asking(*answers: str) -> PassphraseSource:
    left = iter(answers)
    return PassphraseSource(prompt=lambda _: next(left))


def file_with(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(source: PassphraseSource) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        source.read()
    assert refused.value.code == "root-unavailable"
    assert refused.value.advice
    return refused.value


def test_a_file_comes_first_then_the_credential_then_the_prompt(tmp_path: Path) -> None:
    file, credential = file_with(tmp_path / "f", b"from the file"), file_with(tmp_path / "c", b"from the credential")
    prompt = asking("from the prompt").prompt
    assert PassphraseSource(file, credential, prompt).read().reveal() == b"from the file"
    assert PassphraseSource(None, credential, prompt).read().reveal() == b"from the credential"
    assert PassphraseSource(None, None, prompt).read().reveal() == b"from the prompt"


def test_a_file_that_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    source = PassphraseSource(tmp_path / "none", None, asking("from the prompt").prompt)
    assert "There is no root passphrase" in refusal(source).detail


def test_the_service_managers_credential_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credential = file_with(tmp_path / "keyferry-root-passphrase", b"from the credential\n", 0o400)
    source = PassphraseSource.of(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert source.credential == credential
    assert source.read().reveal() == source.read_new().reveal() == b"from the credential"


def test_a_credential_granted_by_an_acl_shows_a_group_bit_and_is_taken(tmp_path: Path) -> None:
    credential = file_with(tmp_path / "keyferry-root-passphrase", b"from the credential", 0o440)
    assert PassphraseSource(credential=credential).read().reveal() == b"from the credential"
    credential.chmod(0o444)
    assert "Others can read" in refusal(PassphraseSource(credential=credential)).detail


def test_an_empty_credential_directory_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert PassphraseSource.of(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == PassphraseSource()
    assert PassphraseSource.of(None, {}) == PassphraseSource()


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = file_with(tmp_path / "f", b"from the file", 0o640)
    assert f"chmod 600 {file}" in refusal(PassphraseSource(file)).advice


def test_without_any_source_every_way_is_named() -> None:
    refused = refusal(PassphraseSource())
    assert "KEYFERRY_ROOT_PASSPHRASE_FILE" in refused.advice
    assert "keyferry-root-passphrase" in refused.advice


def test_one_line_end_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    for content, passphrase in [(b" a b \n", b" a b "), (b"a\r\n", b"a"), (b"a", b"a")]:
        assert PassphraseSource(file_with(tmp_path / "f", content)).read().reveal() == passphrase


def test_the_same_letters_give_the_same_passphrase() -> None:
    assert asking("e\u0301tang").read().reveal() == asking("\u00e9tang").read().reveal()


@pytest.mark.parametrize("content", [b"", b"\n", b"   \n", b"a\nb\n", b"a\x00b", b"\xff\xfe", b"a" * 1025, b"a" * 9000])
def test_what_is_no_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(PassphraseSource(file_with(tmp_path / "f", content))).field == "root_passphrase_file"


def test_a_new_passphrase_is_typed_twice_and_the_same() -> None:
    assert asking("the same", "the same").read_new().reveal() == b"the same"
    with pytest.raises(CannotStart, match="differ"):
        asking("the same", "the sane").read_new()


def test_a_closed_terminal_is_no_passphrase() -> None:
    def closed(question: str) -> str:
        raise EOFError

    assert "No passphrase was given" in refusal(PassphraseSource(prompt=closed)).detail
