"""What the client makes sure of before it keeps a transfer file that a server sent."""

import base64
import hashlib
from typing import Any

import pytest

from keyferry.byok.azure import wrap_for_azure
from keyferry.byok.identifier import parse_key_identifier
from keyferry.byok.kek import read_kek
from keyferry.cli.transfer_answers import checked_file
from keyferry.errors import KeyferryError
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import generate
from keyferry.testing import Kek

KEK = Kek.make()


@pytest.fixture(scope="module")
def content() -> bytes:
    file = wrap_for_azure(
        generate(ALGORITHMS["ec-p256"]), read_kek(KEK.public_pem), parse_key_identifier(KEK.identifier)
    )
    return file.content


def answer(content: bytes, **changes: Any) -> dict[str, Any]:
    file, sha256 = base64.b64encode(content).decode(), hashlib.sha256(content).hexdigest()
    return {"file": file, "sha256": sha256, **changes}


def refusal(made: dict[str, Any], identifier: str = KEK.identifier) -> KeyferryError:
    with pytest.raises(KeyferryError) as caught:
        checked_file(made, identifier, "azure")
    assert caught.value.code == "answer-refused"
    return caught.value


def test_a_sound_answer_is_kept(content: bytes) -> None:
    assert checked_file(answer(content), KEK.identifier, "azure") == content
    assert checked_file(
        answer(content), KEK.identifier.upper().replace("HTTPS", "https").replace("KEYS/KEK", "keys/KEK"), "azure"
    )


def test_another_hash_is_refused(content: bytes) -> None:
    assert "SHA-256" in refusal(answer(content, sha256="00" * 32)).detail


def test_what_is_no_transfer_file_is_refused() -> None:
    assert "The transfer file will not do" in refusal(answer(b"{}")).detail


def test_a_file_for_another_kek_is_refused(content: bytes) -> None:
    assert "another key identifier" in refusal(answer(content), KEK.identifier[:-1] + "2").detail


@pytest.mark.parametrize("file", [None, 1, "*", "ü", "AAA"])
def test_what_is_no_base64_is_refused(content: bytes, file: object) -> None:
    assert "cannot be read" in refusal(answer(content, file=file)).detail
