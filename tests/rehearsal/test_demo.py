"""The demo: what a newcomer sees first."""

import io
from pathlib import Path

import pytest

from keyferry.byok.inspect import inspect
from keyferry.rehearsal.demo import KEK_BITS, STEPS, run_demo
from keyferry.rehearsal.narration import Narration


def test_the_demo_walks_every_step_and_leaves_the_file(tmp_path: Path) -> None:
    said = io.StringIO()
    result = run_demo(tmp_path / "demo", narration=Narration(STEPS, said))
    text = said.getvalue()
    assert f"{STEPS}/{STEPS}" in text
    assert "FAILED" not in text
    assert str(result) in text.splitlines()[-1]
    assert any(reading.kek_bits == KEK_BITS for reading in inspect(result.read_bytes()).readings)


def test_the_demo_leaves_no_private_key_and_no_password(tmp_path: Path) -> None:
    run_demo(tmp_path / "demo", narration=Narration(STEPS, io.StringIO()))
    left = {path.name for path in (tmp_path / "demo").rglob("*")}
    assert left == {"tenant-key.byok", "tenant-key.pem", "kek.pem", "server.log"}


def test_a_failing_step_is_named_and_leaves_no_private_key(tmp_path: Path) -> None:
    said = io.StringIO()
    home = tmp_path / "demo" / "home"
    home.mkdir(parents=True)
    (home / "something").write_text("in the way")
    with pytest.raises(Exception, match="exit code 1"):
        run_demo(tmp_path / "demo", narration=Narration(STEPS, said))
    assert "FAILED" in said.getvalue()
    assert "already-initialised" in said.getvalue() or "is not empty" in said.getvalue()
