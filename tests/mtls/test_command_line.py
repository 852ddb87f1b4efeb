"""`keyferry certificate`, and commands that come with a certificate, to a server that runs as people run it."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.certificates import own
from tests.cli.terminal import RunningServer, Shell

from keyferry.rehearsal.local_server import free_port, serving
from keyferry.testing import ADMINISTRATOR, Kit

FILE_PASSWORD = "of-the-file-alone-42"  # for tests


@dataclass(frozen=True)
class Doors:
    """Both addresses of a server."""

    server: RunningServer
    mutual: str


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    directory = tmp_path_factory.mktemp("mtls")
    Kit.make(directory / "home").close()
    address = f"127.0.0.1:{free_port()}"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("KEYFERRY_LISTEN_MTLS", address)
        with serving(directory / "home", directory / "log") as url:
            yield Doors(RunningServer(directory / "home", url), f"https://{address}")


@pytest.fixture
def administrator(tmp_path: Path, doors: Doors) -> Shell:
    shell = Shell(tmp_path)
    shell.sign_in(doors.server, ADMINISTRATOR)
    return shell


def come(shell: Shell, doors: Doors, file: Path, profile: str = "robot", code: int = 0, *further: object) -> str:
    told = shell(
        *("login", "--server", doors.mutual, "--certificate", file, "--ca-file", doors.server.ca_file),
        *("--profile", profile, *further),
        code=code,
    )
    return told.out + told.err


def test_a_certificate_from_its_making_to_its_end(administrator: Shell, doors: Doors, tmp_path: Path) -> None:
    file = tmp_path / "robot.pem"
    made = administrator("certificate", "create", "robot", "--format", "pem", "--output", file, "--json").json
    assert file.stat().st_mode & 0o777 == 0o600
    assert "file" not in made
    administrator("certificate", "create", "robot", "--format", "pem", "--output", file, code=1)
    assert f"Requests come as {ADMINISTRATOR}, with the certificate robot." in come(administrator, doors, file)
    profile = (tmp_path / "config" / "keyferry" / "profiles" / "robot.toml").read_text()
    assert "token" not in profile
    assert str(file) in profile
    robot = ("--profile", "robot")
    who = administrator("whoami", *robot, "--json").json
    assert (who["certificate_id"], who["token_id"]) == (made["id"], None)
    administrator("group", "create", "made-by-a-robot", *robot)
    refused = administrator(
        "certificate", "create", "another", "--format", "pem", "--output", tmp_path / "x.pem", *robot, code=1
    )
    assert refused.refusal[0].startswith("error (not-permitted)")
    (listed,) = administrator("certificate", "list", "--json").json["items"]
    assert listed["id"] == made["id"]
    assert made["fingerprint"] in administrator("certificate", "show", made["id"]).out
    administrator("certificate", "revoke", made["id"])
    told = administrator("whoami", *robot, code=1)
    assert "This certificate was revoked." in told.refusal[0]
    administrator("logout", *robot)
    administrator("whoami", *robot, code=1)


def test_another_authority_issues_and_the_earlier_one_is_retired(
    administrator: Shell, doors: Doors, tmp_path: Path
) -> None:
    file = tmp_path / "earlier.pem"
    administrator("certificate", "create", "earlier", "--format", "pem", "--output", file)
    come(administrator, doors, file, "earlier")
    made = administrator("certificate", "authority", "rotate")
    assert "issues from now on" in made.out
    assert "Where a proxy knows" in made.err
    administrator("whoami", "--profile", "earlier")
    *_, earlier, newest = administrator("certificate", "authority", "list", "--json").json["items"]
    assert (earlier["issues"], newest["issues"]) == (False, True)
    told = administrator("certificate", "authority", "retire", earlier["id"], code=2)
    assert "Add --yes." in told.err
    retired = administrator("certificate", "authority", "retire", earlier["id"], "--yes", "--json").json
    assert retired["ended_certificates"] == earlier["certificates_in_force"] >= 1
    assert "was revoked" in administrator("whoami", "--profile", "earlier", code=1).err
    assert (
        "This authority issues"
        in administrator("certificate", "authority", "retire", newest["id"], "--yes", code=1).err
    )


def test_a_file_that_openssl_reads(administrator: Shell, tmp_path: Path) -> None:
    file, password = tmp_path / "one.p12", administrator.secret("file.password", FILE_PASSWORD)
    administrator("certificate", "create", "browser", "--password-file", password, "--output", file)
    told = subprocess.run(
        ["/usr/bin/openssl", "pkcs12", "-in", file, "-passin", f"file:{password}", "-info", "-noenc"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "PBES2, PBKDF2, AES-256-CBC" in told.stderr
    assert "MAC: sha256" in told.stderr
    assert told.stdout.count("BEGIN CERTIFICATE") == 2
    assert told.stdout.count("BEGIN PRIVATE KEY") == 1


def test_a_request_whose_key_stays_where_it_is(administrator: Shell, doors: Doors, tmp_path: Path) -> None:
    key, request, file = tmp_path / "own.key", tmp_path / "own.csr", tmp_path / "own.pem"
    subprocess.run(
        ["/usr/bin/openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
         "-keyout", key, "-out", request, "-subj", "/CN=anything"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    key.chmod(0o600)
    administrator("certificate", "create", "own-key", "--request", request, "--output", file)
    assert "PRIVATE KEY" not in file.read_text()
    assert f"as {ADMINISTRATOR}" in come(administrator, doors, file, "own", 0, "--key", key)
    told = administrator("certificate", "create", "x", "--request", key, "--output", tmp_path / "y", code=1)
    assert "It was not sent." in told.refusal[0]


def test_one_of_ones_own_for_somebody_else(administrator: Shell, doors: Doors, tmp_path: Path) -> None:
    administrator(
        *("user", "create", "eva", "--role", "key-access-user", "--password-file", administrator.secret("eva.new"))
    )
    mine, pem, both = own(), tmp_path / "mine.pem", tmp_path / "both.pem"
    pem.write_bytes(mine.pem)
    both.write_bytes(mine.with_key)
    told = administrator("certificate", "upload", "card", both, "--user", "eva", code=1)
    assert told.refusal[0].startswith("error (certificate-refused)")
    made = administrator("certificate", "upload", "card", pem, "--user", "eva", "--lifetime", "30d", "--json").json
    assert made["origin"] == "uploaded"
    told = administrator("certificate", "upload", "again", pem, code=1)
    assert told.refusal[0].startswith("error (certificate-bound)")
    refused = come(administrator, doors, both, "eva", 1)
    assert "Others can" in refused or "chmod" in refused  # the file with the key is open to others
    both.chmod(0o600)
    assert "Requests come as eva" in come(administrator, doors, both, "eva")
    assert "eva" in administrator("whoami", "--profile", "eva").out
    assert administrator("certificate", "list", "--user", "eva").out.count("card") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--certificate", "FILE", "--user", "kim"),
        ("--key", "FILE"),
        ("--key", "FILE", "--user", "kim"),
        (),
    ],
)
def test_wrong_usage(administrator: Shell, doors: Doors, words: tuple[str, ...]) -> None:
    administrator("login", "--server", doors.mutual, *words, code=2)
