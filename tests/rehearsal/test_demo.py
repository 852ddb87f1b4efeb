"""The demo: what a newcomer sees first, and the whole documented workflow in one run."""

import contextlib
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from keyferry.errors import KeyferryError
from keyferry.rehearsal.demo import run_demo
from keyferry.rehearsal.narration import Narration

#: of a person's own, each of which would lead the Azure SDK elsewhere than to the emulator
ELSEWHERE = {
    "https_proxy": "http://127.0.0.1:1",
    "NO_PROXY": "*",
    "AZURE_AUTHORITY_HOST": "https://nowhere.example",
    "AZURE_CLIENT_CERTIFICATE_PATH": "/nowhere.pem",
}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, Any]]:
    """One walk, for all that is to be seen of it: the folder, what was told, and the document."""
    said, place = io.StringIO(), tmp_path_factory.mktemp("walk") / "demo"
    with pytest.MonkeyPatch.context() as changing:
        for name, value in ELSEWHERE.items():
            changing.setenv(name, value)
        before = dict(os.environ)
        document = run_demo(place, narration=Narration(said))
        assert dict(os.environ) == before
    return place, said.getvalue(), document


def demo_until(step: int, place: Path, *options: str) -> "subprocess.Popen[str]":
    """`keyferry demo`, running, as soon as it tells of a step."""
    command = [sys.executable, "-m", "keyferry", "demo", "--home", str(place), *options]
    told = place.parent / "told"
    with told.open("w") as output:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=output, text=True, stdin=subprocess.DEVNULL, start_new_session=True
        )
    while f"\n{step}/" not in told.read_text():
        assert process.poll() is None, told.read_text()
        time.sleep(0.05)
    return process


def servers_of(place: Path) -> list[int]:
    """The ids of the servers that were started in a folder; the emulator is the last."""
    found = []
    for kind in ("keyferry serve --home {}/home", "keyferry emulator serve --home {}/emulator"):
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if kind.format(place) in words:
                    found.append(int(process.name))
    return found


def evidence(document: dict[str, Any], title: str) -> list[dict[str, Any]]:
    return [step["evidence"] for step in document["steps"] if title in step["title"]]


def test_every_step_is_walked_in_the_words_of_the_documentation(walked: tuple[Path, str, dict[str, Any]]) -> None:
    _, said, document = walked
    steps = len(document["steps"])
    assert f"\n{steps}/{steps}  Microsoft 365: See the Customer Key activated" in said
    assert "FAILED" not in said
    assert [step["outcome"] for step in document["steps"]] == ["held"] * steps
    for words in ("Generate Key Encryption Key for importing HSM-protected keys", "Download public key", "+Add Key"):
        assert words in said


def test_both_keys_are_unwrapped_for_in_their_vaults_and_the_third_signs(
    walked: tuple[Path, str, dict[str, Any]],
) -> None:
    _, _, document = walked
    pair = evidence(document, "Prove that what arrived is what left")
    assert [each["unwrapped_in_the_vault"] for each in pair] == [True, True]
    assert pair[0]["spki_sha256"] != pair[1]["spki_sha256"]
    (signed,) = evidence(document, "Prove it by signing there")
    assert signed["public_keys_equal"] is True
    assert "OpenSSL" in signed["verified_here_by"]


def test_the_pair_is_accepted_as_a_customer_key_in_two_subscriptions(walked: tuple[Path, str, dict[str, Any]]) -> None:
    _, said, document = walked
    (seen,) = evidence(document, "See the Customer Key activated")
    assert (seen["state"], seen["status"]) == ("accepted", "Active")
    assert seen["opens_the_root_secret"] == [True, True]
    assert "stands in for Microsoft's Customer Key onboarding service" in seen["stand_in"]
    assert len({identifier.split("/")[2] for identifier in seen["customer_key"]}) == 2
    assert all(".vault.azure.net/keys/" in identifier for identifier in seen["customer_key"])
    (emulator,) = evidence(document, "Start the emulator")
    assert len(set(emulator["subscriptions"])) == 2
    assert "This was no service of Microsoft's." in said


def test_no_private_key_no_password_and_no_secret_stay(walked: tuple[Path, str, dict[str, Any]]) -> None:
    place, _, _ = walked
    left = {path.name for path in place.rglob("*")}
    assert left == {
        "keyferry.log",
        "emulator.log",
        "signing-key.pem",
        *(f"customer-key-{number}.{kind}" for number in (1, 2) for kind in ("pem", "byok", "backup")),
        *(f"contoso-ck-{number}-kek.pem" for number in (1, 2)),
    }


def test_every_step_has_evidence(walked: tuple[Path, str, dict[str, Any]]) -> None:
    _, _, document = walked
    assert [step["title"] for step in document["steps"] if not step["evidence"]] == []
    assert document["held"] is True
    assert "nothing is sent to Azure or to Microsoft" in document["stand_in"]
    (checked,) = evidence(document, "Check the pair")
    assert checked["verdict"] == "ready"
    (submitted,) = evidence(document, "Submit the request")
    assert (submitted["stand_in"], submitted["validated"], submitted["enabled"]) == (True, True, True)
    assert (submitted["failed"], submitted["passed"] > 40) == (0, True)


def test_a_folder_with_something_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "root.key").write_text("the root key of an installation")
    with pytest.raises(KeyferryError, match="is not empty") as refused:
        run_demo(tmp_path, narration=Narration(io.StringIO()))
    assert (refused.value.code, refused.value.field) == ("file-exists", "home")
    assert (home / "root.key").read_text() == "the root key of an installation"
    assert list(tmp_path.iterdir()) == [home]


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(KeyferryError, match="cannot be used") as refused:
        run_demo(tmp_path / "file" / below, narration=Narration(io.StringIO()))
    assert (refused.value.code, refused.value.field) == ("file-refused", "home")


def test_an_emulator_that_dies_ends_the_demo_with_the_step_and_every_step_before_it(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    demo = demo_until(7, place, "--json")
    os.kill(servers_of(place)[-1], signal.SIGKILL)
    answered, _ = demo.communicate(timeout=120)
    assert demo.returncode == 1
    document = json.loads(answered)
    assert document["held"] is False
    assert document["steps"][-1]["outcome"] == "failed"
    assert {step["outcome"] for step in document["steps"][:-1]} == {"held"}
    told = (tmp_path / "told").read_text()
    assert f"Stopped at step {len(document['steps'])}, " in told
    assert "error (client-failed)" in told
    assert "internal-error" not in told
    assert "Traceback" not in told
    assert servers_of(place) == []
    assert not [path for path in place.rglob("*") if path.name.endswith(("password", ".key", "client-secret", ".toml"))]


@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_demo_that_is_ended_takes_its_servers_and_secrets_with_it(
    tmp_path: Path, end: signal.Signals, code: int
) -> None:
    place = tmp_path / "demo"
    demo = demo_until(4, place, "--keep", "--json")
    os.kill(demo.pid, end)
    answered, _ = demo.communicate(timeout=120)
    assert demo.returncode == code
    assert json.loads(answered)["held"] is False
    assert servers_of(place) == []
    assert {path.name for path in place.rglob("*")} == {"keyferry.log", "emulator.log"}
    assert "Both servers are stopped" in (tmp_path / "told").read_text()


def test_kept_servers_go_on_running_and_how_to_sign_in_and_to_end_them_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keyferry", "demo", "--home", str(tmp_path / "demo"), "--keep", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    running = json.loads(done.stdout)["running"]
    keyferry, emulator = running["keyferry"], running["emulator"]
    processes = [keyferry["process"], emulator["process"]]
    try:
        assert f"End them with: kill {processes[0]} {processes[1]}\n" in done.stderr
        assert f"Then remove all of it with: rm -r {tmp_path / 'demo'}\n" in done.stderr
        for url, path, ca in (
            (keyferry["url"], "/readyz", keyferry["ca_file"]),
            (emulator["url"], "/metadata/endpoints?api-version=2022-09-01", f"{emulator['home']}/ca.pem"),
        ):
            context = ssl.create_default_context(cafile=ca)
            with urllib.request.urlopen(url + path, context=context, timeout=10) as answer:
                assert answer.status == 200
        lines = [line.strip() for line in done.stderr.splitlines()]
        exported = next(line for line in lines if line.startswith("export XDG_CONFIG_HOME="))
        signed_in = subprocess.run(
            ["sh", "-c", f"{exported}; {sys.executable} -m keyferry key list"], capture_output=True, text=True
        )
        assert "signing-key" in signed_in.stdout
        assert Path(keyferry["users"]["kim"]).read_text() not in done.stdout + done.stderr
        assert Path(emulator["client_secret_file"]).read_text() not in done.stdout + done.stderr
    finally:
        for process in processes:
            os.kill(process, signal.SIGTERM)
