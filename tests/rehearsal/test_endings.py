"""How a rehearsal ends before its time."""

import errno
import os
import signal
import socket
import threading
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from keyferry.errors import CannotStart
from keyferry.rehearsal.azure_sdk import environment
from keyferry.rehearsal.commands import StepFailed, decides_where
from keyferry.rehearsal.endings import ended_by_signals, understood, unhurried
from keyferry.rehearsal.local_server import LocalServer


@pytest.mark.parametrize("error", [ServiceRequestError("no route"), HttpResponseError("(Forbidden)\n  no")])
def test_what_the_azure_sdk_says_is_told_on_one_line_with_where_to_look(error: Exception) -> None:
    with (
        pytest.raises(StepFailed, match=r"Azure Key Vault did not do it. The Azure SDK says: \w+: ") as failed,
        understood("Azure Key Vault"),
    ):
        raise error
    assert "\n" not in failed.value.detail
    assert "emulator.log" in failed.value.advice


def test_a_full_disk_is_told_as_one() -> None:
    with pytest.raises(StepFailed, match="No space left on device") as failed, understood("Keyferry"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "key.pem")
    assert "(key.pem)" in failed.value.detail
    assert "--home" in failed.value.advice


def test_a_step_that_failed_stays_what_it_is() -> None:
    with pytest.raises(StepFailed, match="differs"), understood("Keyferry"):
        raise StepFailed("It differs.")


def test_a_signal_to_end_ends_the_block_and_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_cleaning_up_is_not_broken_off(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    leave = threading.Event()
    other = threading.Thread(target=leave.wait)  # one that could take the signal
    other.start()
    with unhurried():
        os.kill(os.getpid(), number)
        done = True
    leave.set()
    other.join()
    assert done
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "no_proxy", "AZURE_AUTHORITY_HOST", "SSL_CERT_FILE"])
def test_what_would_lead_elsewhere_is_out_of_the_environment_meanwhile(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "elsewhere")
    before = dict(os.environ)
    with environment({"HTTPS_PROXY": "here"}, without=decides_where):
        assert os.environ["HTTPS_PROXY"] == "here"
        assert "elsewhere" not in {os.environ.get(name), os.environ.get(name.lower())}
        assert os.environ["PATH"] == before["PATH"]
    assert dict(os.environ) == before


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Here its port is in use."""
    with socket.socket() as taken, pytest.raises(CannotStart) as failed:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        LocalServer.start(
            ["emulator", "serve", "--home", str(tmp_path / "emulator"), "--listen", f"127.0.0.1:{port}"],
            url=f"https://localhost:{port}",
            ready="/",
            ca=tmp_path / "emulator" / "ca.pem",
            log=tmp_path / "log",
            environment=os.environ,
        )
    assert "in use" in failed.value.detail
    assert str(tmp_path / "log") in failed.value.advice
