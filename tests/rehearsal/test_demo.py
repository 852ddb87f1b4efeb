"""The demo: what a newcomer sees first, and the whole documented workflow in one run."""

import io
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from keyferry.errors import KeyferryError
from keyferry.rehearsal.demo import run_demo
from keyferry.rehearsal.narration import Narration


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, Any]]:
    """One walk, for all that is to be seen of it: the folder, what was told, and the document."""
    said, place = io.StringIO(), tmp_path_factory.mktemp("walk") / "demo"
    before = dict(os.environ)
    document = run_demo(place, narration=Narration(said))
    assert dict(os.environ) == before
    return place, said.getvalue(), document


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
    assert seen["state"] == "accepted"
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


def test_a_failing_step_is_named_and_leaves_no_secret(tmp_path: Path) -> None:
    said = io.StringIO()
    home = tmp_path / "demo" / "home"
    home.mkdir(parents=True)
    (home / "something").write_text("in the way")
    with pytest.raises(KeyferryError, match="exit code 1"):
        run_demo(tmp_path / "demo", narration=Narration(said))
    assert "FAILED" in said.getvalue()
    assert "already-initialised" in said.getvalue() or "is not empty" in said.getvalue()
    assert not list((tmp_path / "demo").glob("*.password"))


def test_kept_servers_go_on_running_and_the_way_to_end_them_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keyferry", "demo", "--home", str(tmp_path / "demo"), "--keep", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    ends = next(line for line in done.stderr.splitlines() if line.startswith("End them with: kill "))
    processes = [int(word) for word in ends.split()[4:]]
    try:
        steps = json.loads(done.stdout)["steps"]
        ready = next(step["evidence"]["ready_at"] for step in steps if "ready_at" in step["evidence"])
        context = ssl.create_default_context(cafile=str(tmp_path / "demo" / "home" / "tls" / "ca.pem"))
        with urllib.request.urlopen(f"{ready}/readyz", context=context, timeout=10) as answer:
            assert answer.status == 200
    finally:
        for process in processes:
            os.kill(process, signal.SIGTERM)
