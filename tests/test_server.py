"""`keyferry serve` in a process of its own: which doors it opens, what it refuses, and how it ends."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from tests.custody.reading import rows

from keyferry import __version__
from keyferry.certificates import prepare_certificates
from keyferry.config.sources import load_settings
from keyferry.config.values import Listen
from keyferry.errors import CannotStart
from keyferry.installation import initialise
from keyferry.server import listening
from keyferry.testing import ADMINISTRATOR, CHEAP, Kit

KEYFERRY = Path(sys.executable).with_name("keyferry")
WITHIN_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    Kit.make(tmp_path / "home").close()
    return tmp_path / "home"


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds; whether it came to hold."""
    return any(holds() or threading.Event().wait(0.05) for _ in range(WITHIN_SECONDS * 20))


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A `serve` that is expected not to come up."""
    return subprocess.run(
        [KEYFERRY, "serve", "--home", home, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
    )


class Serving:
    """A `serve` on loopback, until told to end."""

    def __init__(self, home: Path, log: Path, **environment: str) -> None:
        self.port = free_port()
        self.ca = home / "tls" / "ca.pem"
        self.log = log
        command = [str(KEYFERRY), "serve", "--home", str(home), "--listen", f"127.0.0.1:{self.port}"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output)

    def connect(self, trusted: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        context = trusted or ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)

    def connect_plainly(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def end(self) -> int:
        """Tell it to end as a service manager does; how it ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_SECONDS)


@contextmanager
def serving(home: Path, log: Path, **environment: str) -> Iterator[Serving]:
    server = Serving(home, log, **environment)
    try:
        assert until(server.is_up), log.read_text()
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def ask(connection: http.client.HTTPConnection, path: str, token: str = "") -> tuple[int, dict[str, Any]]:
    with closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


class TestTls:
    def test_it_is_spoken_by_default(self, home: Path, tmp_path: Path) -> None:
        with serving(home, tmp_path / "log") as server:
            assert ask(server.connect(), "/readyz") == (200, {"status": "ready"})
            with pytest.raises(ssl.SSLCertVerificationError):
                ask(server.connect(ssl.create_default_context()), "/readyz")
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                ask(server.connect_plainly(), "/readyz")

    def test_old_versions_of_it_are_refused(self, home: Path, tmp_path: Path) -> None:
        with serving(home, tmp_path / "log") as server:
            for version, speaks in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
                told = subprocess.run(
                    ["/usr/bin/openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-verify_return_error",
                     "-CAfile", server.ca, "-connect", f"127.0.0.1:{server.port}"],
                    input="", capture_output=True, text=True, timeout=WITHIN_SECONDS,
                )  # fmt: skip
                assert (told.returncode == 0) is speaks, told.stderr
                assert "no protocols available" not in told.stderr, "the client itself did not try"

    def test_a_renewal_that_was_cut_off_is_done_again(self, tmp_path: Path) -> None:
        """The new key is in place, and the certificate is still the old one."""
        kit = Kit.make(tmp_path / "home")
        files = kit.installation.tls
        old = files.certificate.read_bytes()
        prepare_certificates(files, ("keys.example.org",))
        files.certificate.write_bytes(old)
        kit.close()
        with serving(tmp_path / "home", tmp_path / "log") as server:
            assert ask(server.connect(), "/healthz") == (200, {"status": "alive"})


class TestPlainHttp:
    def test_it_is_served_on_loopback_when_asked_for(self, home: Path, tmp_path: Path) -> None:
        with serving(home, tmp_path / "log", KEYFERRY_ALLOW_PLAIN_HTTP="true") as server:
            assert ask(server.connect_plainly(), "/readyz") == (200, {"status": "ready"})
            assert server.end() == 0

    @pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "keys.example.org:0"])
    def test_it_is_refused_anywhere_else(self, tmp_path: Path, listen: str) -> None:
        with pytest.raises(CannotStart, match="no loopback address") as caught:
            load_settings(tmp_path, given={"allow_plain_http": True, "listen": listen}, environ={})
        assert (caught.value.code, caught.value.field) == ("setting-refused", "allow_plain_http")

    def test_the_process_says_so_and_ends(self, home: Path) -> None:
        told = run(home, "--listen", "0.0.0.0:0", KEYFERRY_ALLOW_PLAIN_HTTP="true")
        assert (told.returncode, told.stdout) == (1, "")
        assert told.stderr.startswith("error (setting-refused)")


class TestListening:
    def test_an_address_that_is_taken(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            told = run(home, "--listen", address)
        assert told.returncode == 1
        what, advice = told.stderr.splitlines()
        assert (
            what == f"error (cannot-start) in --listen: The server cannot listen on {address}: Address already in use."
        )
        assert advice.startswith("advice: End what listens there")

    def test_an_address_that_is_not_this_machines(self) -> None:
        with (
            pytest.raises(CannotStart, match=r"192\.0\.2\.1:0: Cannot assign requested address"),
            listening(Listen("192.0.2.1", 0)),
        ):
            raise AssertionError("nobody has this address")

    def test_a_name_that_leads_nowhere(self) -> None:
        with (
            pytest.raises(CannotStart, match=r"cannot listen on keys\.invalid:0: ") as caught,
            listening(Listen("keys.invalid", 0)),
        ):
            raise AssertionError("nobody has this name")
        assert caught.value.field == "listen"

    def test_what_a_server_raises_is_its_own(self) -> None:
        with pytest.raises(OSError, match="the disk"), listening(Listen("127.0.0.1", 0)):
            raise OSError("the disk")


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_what_was_under_way_is_finished(self, home: Path, tmp_path: Path, number: signal.Signals) -> None:
        with serving(home, tmp_path / "log") as server:
            status, _ = ask(server.connect(), "/api/v1/keys", "no-token")
            assert status == 401
            server.process.send_signal(number)
            assert server.process.wait(WITHIN_SECONDS) == 0, server.log.read_text()
        kit = Kit.open(home)
        with closing(kit):
            found = rows(kit, "audit_events")
        assert [row["number"] for row in found] == [*range(1, len(found)), None], "all but the sign-in of this test"
        assert [row["code"] for row in found if row["outcome"] == "refused"] == ["not-authenticated"]

    def test_while_a_client_holds_its_connection(self, home: Path, tmp_path: Path) -> None:
        with serving(home, tmp_path / "log") as server, closing(server.connect()) as idle:
            idle.connect()
            assert server.end() == 0


class TestReadiness:
    def test_it_ends_when_the_audit_log_was_cut_and_life_goes_on(self, home: Path, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{home / 'keyferry.db'}")
        newest = text("SELECT max(number) FROM audit_events")
        with serving(home, tmp_path / "log") as server:
            assert until(lambda: ask(server.connect(), "/readyz")[0] == 200)
            with engine.connect() as connection:
                assert until(lambda: bool(connection.execute(newest).scalar()))
            with engine.begin() as connection:
                cut = "DELETE FROM audit_events WHERE number = (SELECT max(number) FROM audit_events)"
                assert connection.execute(text(cut)).rowcount == 1
            assert until(lambda: ask(server.connect(), "/readyz")[0] == 503)
            status, problem = ask(server.connect(), "/readyz")
            assert (status, problem["code"]) == (503, "row-tampered")
            assert ask(server.connect(), "/healthz") == (200, {"status": "alive"})
            assert server.end() == 1, "a log that was cut does not end well"
            assert "integrity violation" in server.log.read_text()
            assert "no longer in the log" in server.log.read_text()
        engine.dispose()


def test_the_log_of_a_server_tells_no_token(home: Path, tmp_path: Path) -> None:
    kit = Kit.open(home)
    token = kit.token(ADMINISTRATOR)
    kit.close()
    with serving(home, tmp_path / "log", KEYFERRY_LOG_LEVEL="debug") as server:
        with closing(server.connect()) as connection:
            connection.request("GET", f"/api/v1/keys?cursor={token}", headers={"Authorization": f"Bearer {token}"})
            connection.getresponse().read()
        assert server.end() == 0
        assert "path=/api/v1/keys" in server.log.read_text()
        assert token not in server.log.read_text()


def test_the_log_says_where_it_serves_and_that_it_has_ended(home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path / "log", KEYFERRY_LOG_FORMAT="json") as server:
        assert until(partial(_says, server.log, '"serving"'))
        assert server.end() == 0
        told = [json.loads(line) for line in server.log.read_text().splitlines()]
    (begun,) = [each for each in told if each["event"] == "serving"]
    assert begun["address"] == f"https://127.0.0.1:{server.port}"
    assert begun["version"] == __version__
    assert told[-1]["event"] == "ended"


def test_without_users_each_start_prints_a_link_of_its_own_that_is_in_no_log(tmp_path: Path) -> None:
    home, links = tmp_path / "home", []
    initialise(home, cost=CHEAP)
    for start in ("first", "second"):
        with serving(home, tmp_path / start) as server:
            assert until(partial(_says, server.log, "?token="))
            (link,) = (line.strip() for line in server.log.read_text().splitlines() if "?token=" in line)
            assert link.startswith(f"https://127.0.0.1:{server.port}/set-up?token=")
            links.append(link)
            with closing(server.connect()) as connection:
                connection.request("GET", link.partition(str(server.port))[2])
                answer = connection.getresponse()
                assert (answer.status, b"Set up Keyferry" in answer.read()) == (200, True)
            assert until(partial(_says, server.log, "path=/set-up"))
            assert server.log.read_text().count(link.partition("token=")[2]) == 1
    assert links[0] != links[1]


def _says(log: Path, words: str) -> bool:
    return words in log.read_text()
