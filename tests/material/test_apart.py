"""Reading in a process of its own answers as reading here does, and leaves nothing behind."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from Crypto.PublicKey import ECC
from hypothesis import given
from hypothesis import strategies as st
from tests.material.conftest import KEKS, OpenSsl

from keyferry.errors import TITLES, InternalError, MaterialRefused
from keyferry.material import apart, worker
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.importing import MAX_BYTES, read_material, read_material_apart
from keyferry.material.keys import Material
from keyferry.material.secret import Secret

PASSPHRASE = b"correct horse battery"


def ending(code: str) -> tuple[str, ...]:
    """A process that runs `code` in the place of the worker."""
    return sys.executable, "-I", "-c", "import os, signal, sys; sys.stdin.buffer.read(); " + code


@pytest.fixture
def encrypted(ec_pem: bytes, openssl: OpenSsl) -> bytes:
    return openssl("pkcs8", "-topk8", "-passout", f"pass:{PASSPHRASE.decode()}", stdin=ec_pem)


class TestTheAnswer:
    def test_it_is_the_material_that_would_be_read_here(self, ec_pem: bytes) -> None:
        for data, name in ((KEKS[4096].read_bytes(), "rsa-4096"), (ec_pem, "ec-p256"), (bytes(range(32)), "aes-256")):
            material = read_material_apart(data, algorithm=ALGORITHMS[name])
            assert material.algorithm is ALGORITHMS[name]
            assert material.secret.reveal() == read_material(data, algorithm=ALGORITHMS[name]).secret.reveal()

    def test_the_type_need_not_be_named(self, ec_pem: bytes) -> None:
        assert read_material_apart(ec_pem, algorithm=None).algorithm.name == "ec-p256"

    def test_a_passphrase_goes_along(self, encrypted: bytes, ec_pem: bytes) -> None:
        opened = read_material_apart(encrypted, algorithm=None, passphrase=Secret(PASSPHRASE))
        assert opened.secret.reveal() == read_material(ec_pem).secret.reveal()

    @pytest.mark.parametrize(
        ("passphrase", "name", "code", "field"),
        [
            (None, "ec-p256", "material-encrypted", "material"),
            (b"another", "ec-p256", "passphrase-refused", "passphrase"),
            (PASSPHRASE, "ec-p384", "algorithm-mismatch", "material"),
        ],
    )
    def test_a_refusal_comes_back_whole(
        self, passphrase: bytes | None, name: str, code: str, field: str, encrypted: bytes
    ) -> None:
        secret = None if passphrase is None else Secret(passphrase)
        with pytest.raises(MaterialRefused) as apart_:
            read_material_apart(encrypted, algorithm=ALGORITHMS[name], passphrase=secret)
        with pytest.raises(MaterialRefused) as here:
            read_material(encrypted, algorithm=ALGORITHMS[name], passphrase=secret)
        assert (apart_.value.code, apart_.value.field) == (code, field)
        assert (apart_.value.detail, apart_.value.advice, apart_.value.title) == (
            here.value.detail,
            here.value.advice,
            here.value.title,
        )

    def test_what_is_too_large_starts_no_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(apart, "_COMMAND", ("/does/not/exist",))
        for data in (b"x" * (MAX_BYTES + 1), b"", b"\n"):
            with pytest.raises(MaterialRefused):
                read_material_apart(data, algorithm=None)


class TestAProcessThatFails:
    def test_one_that_takes_too_long_is_ended(self, ec_pem: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[subprocess.Popen[bytes]] = []

        class Watched(subprocess.Popen[bytes]):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                started.append(self)

        monkeypatch.setattr(subprocess, "Popen", Watched)
        monkeypatch.setattr(apart, "_COMMAND", ending("signal.pause()"))
        monkeypatch.setattr(apart, "TIMEOUT_SECONDS", 0.2)
        with pytest.raises(MaterialRefused) as refused:
            read_material_apart(ec_pem, algorithm=None)
        assert "time" in refused.value.detail
        assert [process.returncode for process in started] == [-signal.SIGKILL]

    def test_one_that_used_up_its_time_is_the_fault_of_the_file(
        self, ec_pem: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(apart, "_COMMAND", ending("os.kill(os.getpid(), signal.SIGXCPU)"))
        with pytest.raises(MaterialRefused) as refused:
            read_material_apart(ec_pem, algorithm=None)
        assert "fewer rounds" in refused.value.advice

    @pytest.mark.parametrize(
        "code",
        [
            "sys.exit(3)",
            "os.kill(os.getpid(), signal.SIGSEGV)",
            "raise ValueError",
            "print('hello')",
            "print('null')",
            "print('{}')",
            """print('{"refused": {}}')""",
            """print('{"refused": {"code": "made-up", "detail": "x", "field": "material", "advice": "x"}}')""",
            """print('{"algorithm": "des", "material": "AAAA"}')""",
            "pass",
        ],
    )
    def test_any_other_end_or_answer_is_a_fault_of_ours(
        self, code: str, ec_pem: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(apart, "_COMMAND", ending(code))
        with pytest.raises(InternalError) as failed:
            read_material_apart(ec_pem, algorithm=None)
        assert failed.value.code == "internal-error"
        assert b"".join(ec_pem.splitlines()[1:2]).decode() not in str(failed.value)

    def test_a_passphrase_whose_derivation_takes_too_much_memory_is_refused(self) -> None:
        data = ECC.generate(curve="P-256").export_key(
            format="DER",
            passphrase=b"x",
            protection="scryptAndAES256-CBC",
            prot_params={"iteration_count": 65536, "block_size": 8},
        )
        written = bytes.fromhex("0203010000 020108")  # scrypt's N and r (RFC 7914 section 7): 128 * N * r is 64 MiB
        assert data.count(written) == 1
        greedy = data.replace(written, written[:-1] + b"\x7f")
        assert read_material_apart(data, algorithm=None, passphrase=Secret(b"x")).algorithm.name == "ec-p256"
        with pytest.raises(MaterialRefused) as refused:
            read_material_apart(greedy, algorithm=None, passphrase=Secret(b"x"))
        assert "memory" in refused.value.detail


class TestTheProcess:
    def test_nothing_secret_is_in_its_arguments_or_environment(
        self, encrypted: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[Any, dict[str, str]]] = []
        original = subprocess.Popen

        def watched(arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
            seen.append((arguments, options["env"]))
            return original(arguments, **options)

        monkeypatch.setenv("KEYFERRY_PASSPHRASE", "of the root")
        monkeypatch.setattr(subprocess, "Popen", watched)
        read_material_apart(encrypted, algorithm=ALGORITHMS["ec-p256"], passphrase=Secret(PASSPHRASE))
        [(arguments, environment)] = seen
        assert arguments == (sys.executable, "-I", "-m", "keyferry.material.worker")
        assert set(environment) <= {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}

    def test_it_leaves_no_core_dump_and_has_limits(self) -> None:
        code = (
            "import ctypes, resource; from keyferry.material import worker; worker.limit(); "
            "print(ctypes.CDLL(None).prctl(3), "
            "*(resource.getrlimit(getattr(resource, 'RLIMIT_' + name))[0] for name in ('CORE', 'CPU', 'AS')))"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
        assert told.split() == ["0", "0", str(apart.CPU_SECONDS), str(apart.MEMORY_BYTES)]

    def test_what_it_does_leaves_no_file(
        self, encrypted: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        read_material_apart(encrypted, algorithm=None, passphrase=Secret(PASSPHRASE))
        assert list(tmp_path.iterdir()) == []

    def test_it_ends(self, ec_pem: bytes) -> None:
        request = apart.encode_request(ec_pem, None, None)
        process = subprocess.run([sys.executable, "-I", "-m", "keyferry.material.worker"], input=request, stdout=-1)
        assert process.returncode == 0
        assert apart.decode_answer(process.stdout).algorithm.name == "ec-p256"

    def test_one_that_cannot_read_the_request_says_nothing_of_it(self) -> None:
        process = subprocess.run(
            [sys.executable, "-I", "-m", "keyferry.material.worker"], input=b'{"data": "c2VjcmV0"', capture_output=True
        )
        assert process.returncode != 0
        assert process.stdout == b""


class TestTheWire:
    @given(
        data=st.binary(max_size=80),
        passphrase=st.none() | st.binary(max_size=20),
        name=st.sampled_from(list(ALGORITHMS)),
    )
    def test_a_request_arrives_as_it_was_sent(self, data: bytes, passphrase: bytes | None, name: str) -> None:
        for algorithm in (None, ALGORITHMS[name]):
            sent = apart.encode_request(data, algorithm, None if passphrase is None else Secret(passphrase))
            got, got_algorithm, got_passphrase = apart.decode_request(sent)
            assert (got, got_algorithm) == (data, algorithm)
            assert (None if got_passphrase is None else got_passphrase.reveal()) == passphrase

    @given(value=st.binary(max_size=80), name=st.sampled_from(list(ALGORITHMS)))
    def test_material_arrives_as_it_was_sent(self, value: bytes, name: str) -> None:
        got = apart.decode_answer(apart.encode_material(Material(ALGORITHMS[name], Secret(value))))
        assert (got.algorithm.name, got.secret.reveal()) == (name, value)

    @given(
        detail=st.text(max_size=20),
        advice=st.text(max_size=20),
        code=st.sampled_from(list(TITLES)),
        field=st.none() | st.text(max_size=9),
    )
    def test_a_refusal_arrives_as_it_was_sent(self, detail: str, advice: str, code: str, field: str | None) -> None:
        refusal = MaterialRefused(detail, code=code, field=field, advice=advice)
        with pytest.raises(MaterialRefused) as got:
            apart.decode_answer(apart.encode_refusal(refusal))
        assert vars(got.value) == vars(refusal)

    @given(answer=st.binary(max_size=60))
    def test_no_bytes_are_mistaken_for_an_answer(self, answer: bytes) -> None:
        with pytest.raises(InternalError):
            apart.decode_answer(answer)

    def test_the_worker_answers_each_request(self, ec_pem: bytes) -> None:
        good = worker.answer(apart.encode_request(ec_pem, ALGORITHMS["ec-p256"], None))
        assert json.loads(good)["algorithm"] == "ec-p256"
        bad = worker.answer(apart.encode_request(b"nothing", None, None))
        assert json.loads(bad)["refused"]["code"] == "material-refused"

    def test_a_worker_without_memory_answers_that(self, ec_pem: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        def exhausted(*_: object, **__: object) -> Material:
            raise MemoryError

        monkeypatch.setattr(worker, "read_material", exhausted)
        answer = json.loads(worker.answer(apart.encode_request(ec_pem, None, None)))
        assert "memory" in answer["refused"]["detail"]
