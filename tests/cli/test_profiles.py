"""Profiles: private or refused, chosen by name, overridden by a token file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.terminal import Shell

from keyferry.cli import profiles
from keyferry.cli.profiles import Profile, load_profile, path_of, read_ca, remove_profile, save_profile
from keyferry.errors import CannotStart, KeyferryError
from keyferry.material.secret import Secret

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("KEYFERRY_TOKEN_FILE", raising=False)
    return tmp_path


def profile(name: str = "default") -> Profile:
    return Profile(name, "https://127.0.0.1:8420", Secret(b"kf_secret"), "alice", "2030-01-31T12:00:00Z", CA)


def refusal(name: str) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        load_profile(name)
    return caught.value


def test_a_profile_reads_back_as_it_was_saved(config: Path) -> None:
    path = save_profile(profile())
    assert path == config / "keyferry" / "profiles" / "default.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    read = load_profile("default")
    assert read.token is not None
    assert read.token.reveal() == b"kf_secret"
    assert (read.server, read.user, read.ca) == (profile().server, "alice", CA)
    assert "kf_secret" not in repr(read)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_profile_that_others_can_read_is_refused(mode: int) -> None:
    save_profile(profile()).chmod(mode)
    error = refusal("default")
    assert error.code == "profile-refused"
    assert f"mode {mode:04o}" in error.detail
    assert "chmod 600" in error.advice


def test_the_command_line_says_so_in_two_lines(shell: Shell) -> None:
    shell.write_profile().chmod(0o644)
    what, advice = shell("whoami", code=1).refusal
    assert what.startswith("error (profile-refused) in --profile: Others can read the profile at ")
    assert "chmod 600" in advice


def test_a_link_is_not_followed(config: Path) -> None:
    path = save_profile(profile())
    real = config / "elsewhere.toml"
    path.rename(real)
    path.symlink_to(real)
    assert refusal("default").code == "profile-refused"


def test_a_missing_profile_says_how_to_sign_in() -> None:
    error = refusal("prod")
    assert error.code == "not-signed-in"
    assert error.advice.endswith("--profile prod")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "-x", "a b", "a\n", "x" * 65])
def test_a_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(KeyferryError, match="no name for a profile") as caught:
        path_of(name)
    assert caught.value.code == "profile-refused"


@pytest.mark.parametrize(
    "text",
    [
        "not toml at all",
        'server = "https://x"\nwhat = "else"\n',
        'token = "kf_x"\n',
        "server = 1\n",
        'server = "https://x"\ntoken = "with space"\n',
        'server = "https://x"\ntoken = "ümlaut"\n',
    ],
)
def test_what_login_did_not_write_is_refused(text: str) -> None:
    path = save_profile(profile())
    path.write_text(text)
    assert refusal("default").code == "profile-refused"


def test_a_ca_file_may_stand_in_place_of_its_content() -> None:
    path = save_profile(profile())
    (path.parent / "ca.pem").write_text(CA)
    path.write_text('server = "https://x"\nca_file = "ca.pem"\n')
    assert load_profile("default").ca == CA


def test_a_ca_file_that_others_can_change_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(CA)
    file.chmod(0o664)
    with pytest.raises(KeyferryError) as caught:
        read_ca(file, "ca_file")
    assert caught.value.code == "file-refused"
    file.chmod(0o644)
    assert read_ca(file, "ca_file") == CA
    file.write_text("nothing")
    with pytest.raises(KeyferryError, match="holds no PEM certificate"):
        read_ca(file, "ca_file")


def test_a_token_file_overrides_the_profiles_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_profile(profile())
    file = tmp_path / "token"
    file.write_text("kf_other\n")
    file.chmod(0o600)
    monkeypatch.setenv("KEYFERRY_TOKEN_FILE", str(file))
    token = load_profile("default").token
    assert token is not None
    assert token.reveal() == b"kf_other"
    own = load_profile("default", own_token=True).token
    assert own is not None
    assert own.reveal() == b"kf_secret"


@pytest.mark.parametrize(("text", "mode"), [("kf_other", 0o644), ("", 0o600), ("two words", 0o600)])
def test_a_token_file_that_will_not_do_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, mode: int
) -> None:
    save_profile(profile())
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    monkeypatch.setenv("KEYFERRY_TOKEN_FILE", str(file))
    error = refusal("default")
    assert (error.code, error.field) == ("file-refused", "KEYFERRY_TOKEN_FILE")
    assert not text or text not in error.detail


def test_a_program_that_signs_in_nowhere_needs_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, ca = tmp_path / "token.jwt", tmp_path / "ca.pem"
    token.write_text(f"eyJ{'a' * 2000}.{'b' * 4000}.{'c' * 300}\n")
    token.chmod(0o600)
    ca.write_text(CA)
    monkeypatch.setenv("KEYFERRY_TOKEN_FILE", str(token))
    monkeypatch.setenv("KEYFERRY_SERVER", "https://keys.example.org:8420")
    found = load_profile("default")
    assert (found.server, found.ca, found.user) == ("https://keys.example.org:8420", None, None)
    assert found.token is not None
    assert len(found.token.reveal()) == 6305
    monkeypatch.setenv("KEYFERRY_CA_FILE", str(ca))
    assert load_profile("default").ca == CA
    ca.write_text("nothing")
    assert refusal("default").field == "KEYFERRY_CA_FILE"
    token.chmod(0o644)
    assert refusal("default").field in {"KEYFERRY_TOKEN_FILE", "KEYFERRY_CA_FILE"}
    monkeypatch.delenv("KEYFERRY_TOKEN_FILE")
    assert refusal("default").code == "not-signed-in"  # an address alone is no sign-in


def test_without_xdg_config_home_it_lies_in_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/ignored")
    assert path_of("x") == tmp_path / "me" / ".config" / "keyferry" / "profiles" / "x.toml"


def test_a_removed_profile_is_gone() -> None:
    path = save_profile(profile())
    remove_profile("default")
    remove_profile("default")
    assert not path.exists()


@given(st.binary(max_size=300))
def test_whatever_stands_in_a_profile_it_is_read_or_refused(data: bytes) -> None:
    path = Path("/nonexistent/default.toml")
    try:
        outcome = type(profiles._parse("default", path, data).server)
    except CannotStart:
        outcome = str
    assert outcome is str
