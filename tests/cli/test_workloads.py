"""A pipeline calls with its platform's own token: nobody signs in, and no secret of Keyferry's lies anywhere."""

import json
from pathlib import Path

import pytest
from tests.cli.terminal import RunningServer, Shell
from tests.identity.minting import AUDIENCE, SUBJECT, Issuer

GITHUB = "https://token.actions.githubusercontent.com"


@pytest.fixture(scope="module")
def issuer(server: RunningServer, kim_account: str, tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """Trusted under the name `github`, its keys given as a file."""
    folder = tmp_path_factory.mktemp("issuer")
    admin = Shell(folder)
    admin.sign_in(server, "first-admin")
    made = Issuer(GITHUB)
    (folder / "keys.json").write_text(json.dumps(made.key_set))
    said = admin(
        *("issuer", "create", "github", "--issuer", GITHUB, "--audience", AUDIENCE, "--jwks", folder / "keys.json"),
        *("--longest-lifetime", "15m", "--algorithm", "RS256"),
    )
    assert f"Tokens of {GITHUB} are taken once a workload is bound." in said.out
    return made


def pipeline(server: RunningServer, folder: Path, token: str) -> Shell:
    """A shell that has nothing but the platform's token."""
    file = folder / "token.jwt"
    file.write_text(token)
    file.chmod(0o600)
    return Shell(
        folder,
        {
            "KEYFERRY_SERVER": server.url,
            "KEYFERRY_CA_FILE": str(server.ca_file),
            "KEYFERRY_TOKEN_FILE": str(file),
        },
    )


def test_a_pipeline_comes_in_with_its_platforms_token_until_it_is_revoked(
    server: RunningServer, administrator: Shell, issuer: Issuer, tmp_path: Path
) -> None:
    bound = administrator(
        *("workload", "create", "deploy", "--issuer", "github", "--subject", SUBJECT, "--user", "kim"),
        *("--claim", "environment=production", "--claim", "run_attempt:=1", "--expires", "2100-01-01T00:00:00Z"),
        "--json",
    ).json
    assert bound["claims"] == {"environment": "production", "run_attempt": 1}

    (tmp_path / "runner").mkdir()
    runner = pipeline(server, tmp_path / "runner", issuer.mint(environment="production", run_attempt=1))
    made = runner("key", "create", "--type", "aes-128", "--name", "of-the-pipeline", "--json").json
    assert made["owner"]["group"] == "payments"
    assert runner("whoami", "--json").json["workload_name"] == "deploy"
    assert "  User:" in runner("whoami").out
    assert not (tmp_path / "runner" / "config").exists()
    assert runner("token", "create", "for later", code=1).refusal[0].startswith("error (not-permitted)")
    runner("user", "list", code=1)

    elsewhere = pipeline(server, tmp_path / "runner", issuer.mint(environment="test", run_attempt=1))
    assert elsewhere("key", "list", code=1).refusal == (
        "error (not-authenticated) in Authorization: The token is not accepted.",
        "Ask an Administrator what the audit log says of it, and which workloads are bound.",
    )

    administrator("workload", "revoke", bound["id"])
    again = pipeline(server, tmp_path / "runner", issuer.mint(environment="production", run_attempt=1))
    assert again("key", "list", code=1).refusal[0].startswith("error (not-authenticated)")
    listed = {each["id"]: each for each in administrator("workload", "list", "--json").json["items"]}
    assert listed[bound["id"]]["revoked_at"] is not None


def test_issuers_are_shown_changed_disabled_and_deleted(administrator: Shell, issuer: Issuer, tmp_path: Path) -> None:
    administrator(
        "issuer", "create", "entra", "--issuer", "https://login.microsoftonline.com/t/v2.0", "--audience", "a"
    )
    shown = administrator("issuer", "show", "entra", "--json").json
    assert (shown["key_source"], shown["algorithms"]) == ("discovery", ["ES256", "RS256"])
    administrator(
        *("issuer", "edit", "entra", "--audience", "b", "--clock-skew", "5s"),
        *("--jwks-url", "https://login.microsoftonline.com/t/discovery/v2.0/keys"),
    )
    changed = administrator("issuer", "show", "entra", "--json").json
    assert (changed["audience"], changed["clock_skew_seconds"], changed["key_source"]) == ("b", 5, "address")
    administrator("issuer", "edit", "entra", "--discover")
    assert administrator("issuer", "show", "entra", "--json").json["key_source"] == "discovery"
    assert "is disabled" in administrator("issuer", "disable", "entra").out
    assert "is enabled" in administrator("issuer", "enable", "entra").out
    assert "entra" in administrator("issuer", "list").out
    administrator("issuer", "delete", "entra")
    assert administrator("issuer", "show", "entra", code=1).refusal[0].startswith("error (not-found)")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("issuer", "create", "evil", "--issuer", "https://evil.example", "--audience", "a"), "provider-host-refused"),
        (("issuer", "create", "none", "--issuer", GITHUB, "--audience", "a", "--algorithm", "none"), "invalid-input"),
        (
            ("workload", "create", "w", "--issuer", "github", "--subject", "s", "--user", "kim", "--claim", "a:=x"),
            "invalid-input",
        ),
        (("issuer", "edit", "github", "--discover", "--jwks-url", "https://gitlab.com/x"), "invalid-input"),
    ],
)
def test_what_will_not_do_is_refused(administrator: Shell, issuer: Issuer, words: tuple[str, ...], field: str) -> None:
    assert administrator(*words, code=1).refusal[0].startswith(f"error ({field})")
