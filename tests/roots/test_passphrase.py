"""The root of trust under a passphrase. The `cryptography` package's Argon2id is the witness to argon2-cffi's."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st

from keyferry.errors import CannotStart, InvalidInput
from keyferry.material.secret import Secret
from keyferry.roots import passphrase
from keyferry.roots.base import RootKey
from keyferry.roots.passphrase import LEAST_COST, Cost, change_passphrase, create, open_

URI = "passphrase:root.json"
WORDS = Secret(b"copper lantern ferry moss quartz")
OTHER_WORDS = Secret(b"velvet harbour onion trumpet slate")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, RootKey]:
    """The file of a root under WORDS, and the root."""
    path = tmp_path_factory.mktemp("root") / "root.json"
    root = create(URI, path, WORDS, LEAST_COST)
    return path.read_bytes(), root


@pytest.fixture
def path(tmp_path: Path, made: tuple[bytes, RootKey]) -> Path:
    path = tmp_path / "root.json"
    put(path, made[0])
    return path


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def refusal(path: Path, words: Secret = WORDS) -> CannotStart:
    with pytest.raises(CannotStart) as refused:
        open_(URI, path, words)
    assert (refused.value.code, refused.value.field) == ("root-unavailable", "root")
    assert refused.value.advice
    return refused.value


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_right_passphrase_opens_what_was_wrapped(path: Path, made: tuple[bytes, RootKey]) -> None:
    wrapped = made[1].wrap(Secret(b"a data key"), b"context")
    opened = open_(URI, path, WORDS)
    assert opened.unwrap(wrapped, b"context").reveal() == b"a data key"
    assert (opened.uri, opened.fingerprint) == (URI, made[1].fingerprint)


def test_a_wrong_passphrase_is_said_to_be_wrong_and_not_shown(path: Path) -> None:
    refused = refusal(path, OTHER_WORDS)
    assert "passphrase does not open" in refused.detail
    assert "velvet" not in refused.detail + refused.advice


def test_another_implementation_opens_the_file_as_it_is_described(path: Path, made: tuple[bytes, RootKey]) -> None:
    members = json.loads(path.read_bytes())
    sealed_key = from_base64url(members.pop("sealed_key"))
    assert (members["form"], members["kdf"]) == ("keyferry-passphrase-root-1", "argon2id")
    stretched = Argon2id(
        salt=from_base64url(members["salt"]),
        length=32,
        iterations=members["passes"],
        lanes=members["lanes"],
        memory_cost=members["memory_kib"],
    ).derive(WORDS.reveal())
    cipher = AES.new(stretched, AES.MODE_GCM, nonce=from_base64url(members["nonce"]))
    cipher.update(json.dumps(members, sort_keys=True, separators=(",", ":")).encode())
    key = cipher.decrypt_and_verify(sealed_key[:-16], sealed_key[-16:])
    assert RootKey(URI, Secret(key)).fingerprint == made[1].fingerprint


def test_the_default_costs_are_above_the_standards_second_recommendation() -> None:
    assert Cost(memory_kib=65_536, passes=3, lanes=4) == LEAST_COST
    assert passphrase.DEFAULT_COST.memory_kib >= 4 * LEAST_COST.memory_kib
    assert passphrase.DEFAULT_COST.passes >= LEAST_COST.passes


@pytest.mark.parametrize(
    "cost", [(65_535, 3, 4), (65_536, 2, 4), (65_536, 3, 0), (4 * 1024**2 + 1, 3, 4), (65_536, 65, 4)]
)
def test_costs_that_protect_too_little_or_never_end_are_refused(cost: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        Cost(*cost)


def test_the_file_is_private_and_never_written_over(path: Path) -> None:
    with pytest.raises(CannotStart) as refused:
        create(URI, path, WORDS, LEAST_COST)
    assert refused.value.code == "already-initialised"
    path.chmod(0o644)
    assert f"chmod 600 {path}" in refusal(path).advice
    fresh = path.with_name("fresh.json")
    create(URI, fresh, WORDS, LEAST_COST)
    assert fresh.stat().st_mode & 0o777 == 0o600


def test_a_passphrase_is_changed_and_the_root_stays(path: Path, made: tuple[bytes, RootKey]) -> None:
    change_passphrase(path, WORDS, OTHER_WORDS, LEAST_COST)
    assert open_(URI, path, OTHER_WORDS).fingerprint == made[1].fingerprint
    assert "does not open" in refusal(path, WORDS).detail


def test_a_change_that_is_refused_leaves_the_file(path: Path, made: tuple[bytes, RootKey]) -> None:
    with pytest.raises(InvalidInput):
        change_passphrase(path, WORDS, Secret(b"short"), LEAST_COST)
    with pytest.raises(CannotStart):
        change_passphrase(path, OTHER_WORDS, OTHER_WORDS, LEAST_COST)
    assert path.read_bytes() == made[0]


@pytest.mark.parametrize(
    "weak", [b"", b"s3cr3t&Xq9!k2", b"passwordpassword", b"aaaaaaaaaaaaaaaaaaaaaaaa", b"keyferrykeyferry"]
)
def test_a_weak_passphrase_is_refused_with_advice_and_makes_no_file(tmp_path: Path, weak: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        create(URI, tmp_path / "root.json", Secret(weak), LEAST_COST)
    assert (refused.value.code, refused.value.field) == ("passphrase-refused", "passphrase")
    assert "words chosen by dice" in refused.value.advice
    assert not weak or weak.decode() not in refused.value.detail + refused.value.advice
    assert list(tmp_path.iterdir()) == []


def changed(content: bytes, **members: Any) -> bytes:
    return json.dumps({**json.loads(content), **members}).encode()


def test_lowered_costs_and_swapped_salts_do_not_open(path: Path, made: tuple[bytes, RootKey]) -> None:
    for change in ({"lanes": 1}, {"passes": 4}, {"salt": "A" * 22}, {"nonce": "A" * 16}, {"sealed_key": "A" * 64}):
        put(path, changed(made[0], **change))
        assert "passphrase does not open" in refusal(path).detail


@pytest.mark.parametrize(
    "change",
    [
        {"form": "keyferry-passphrase-root-2"},
        {"kdf": "argon2i"},
        {"memory_kib": 8},
        {"memory_kib": 2**40},
        {"passes": True},
        {"passes": 3.0},
        {"lanes": "4"},
        {"salt": "AAAA"},
        {"salt": 7},
        {"salt": "A" * 21 + "B"},
        {"nonce": "!" * 16},
        {"sealed_key": ""},
        {"note": "added"},
    ],
)
def test_a_file_of_another_form_is_refused_before_any_work(
    path: Path, made: tuple[bytes, RootKey], change: Any
) -> None:
    put(path, changed(made[0], **change))
    assert "holds no whole root key" in refusal(path).detail


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_other_content_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    put(path, content)
    assert "holds no whole root key" in refusal(path).detail


def test_too_little_memory_is_said_with_how_much_is_needed(path: Path, made: tuple[bytes, RootKey]) -> None:
    put(path, changed(made[0], memory_kib=4 * 1024**2))
    story = """
import resource, sys
from pathlib import Path
from keyferry.errors import CannotStart
from keyferry.material.secret import Secret
from keyferry.roots.passphrase import open_

resource.setrlimit(resource.RLIMIT_AS, (2 * 1024**3, 2 * 1024**3))
try:
    open_("passphrase:root.json", Path(sys.argv[1]), Secret(b"copper lantern ferry moss quartz"))
except CannotStart as refused:
    print(refused.code, refused.detail)
"""
    result = subprocess.run([sys.executable, "-c", story, str(path)], capture_output=True, text=True, check=True)
    assert result.stdout == (
        "root-unavailable Argon2id needs 4096 MiB of memory to open the root key, and did not get it.\n"
    )


def test_deep_nesting_is_refused(path: Path) -> None:
    put(path, b"[" * 4096)
    assert "holds no whole root key" in refusal(path).detail
