"""A console that is served over TLS on loopback, and people who sit before it in a real browser."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2
import pytest
import uvicorn
from playwright.sync_api import Browser, Page
from tests.looking import window

from keyferry.doors.figures import Figures
from keyferry.doors.services import Pushes, Services
from keyferry.doors.workers import Crew
from keyferry.installation import Installation
from keyferry.server import Server, application
from keyferry.server_facts import facts_of
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit
from keyferry.tls import ServerTls


@dataclass(frozen=True)
class Served:
    """A console, where it is, and what stands behind it."""

    kit: Kit
    url: str

    def client(self) -> httpx2.Client:
        """A browser without pages: what it keeps in cookies, it sends."""
        return httpx2.Client(base_url=self.url, verify=False, headers={"Sec-Fetch-Site": "same-origin"})


@contextmanager
def opened(made: Installation, pushes: Pushes | None = None, port: int = 0) -> Iterator[str]:
    """Serve both doors of an installation from a thread of this process; answers where."""
    services = Services(
        made.custody,
        made.sign_in,
        made.authenticator,
        made.settings,
        Crew.of(made.settings),
        Figures(),
        lambda: None,
        pushes,
        set_up=made.set_up,
        facts=partial(facts_of, made),
        single_sign_on=made.single_sign_on,
    )
    tls = ServerTls(made.tls, made.settings.tls_names)
    configuration = uvicorn.Config(
        application(services), log_config=None, ssl_context_factory=lambda _config, _default: tls.context
    )
    server = Server(configuration)
    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def serving(kit: Kit, pushes: Pushes | None = None, port: int = 0) -> Iterator[Served]:
    """Serve a kit's installation."""
    with opened(kit.installation, pushes, port) as url:
        yield Served(kit, url)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A console that the tests of a file share: they use names of their own."""
    kit = Kit.make(Path(tmp_path_factory.mktemp("console")) / "home")
    with serving(kit) as served:
        yield served
    kit.close()


@pytest.fixture
def page(chromium: Browser, console: Served) -> Iterator[Page]:
    """A browser window in which nobody is signed in; paths are those of the console."""
    with window(chromium, base_url=console.url, ignore_https_errors=True) as opened:
        yield opened


def sign_in(page: Page, name: str = ADMINISTRATOR, password: str = PASSWORD) -> Page:
    """Sign in as a person does; answers the page."""
    page.goto("/sign-in")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def come_in(page: Page, name: str = ADMINISTRATOR, password: str = PASSWORD) -> None:
    """Be signed in without having seen a page, as most tests are about another one than that of the sign-in."""
    form: dict[str, str | float | bool] = {"user_name": name, "password": password}
    answer = page.request.post("/sign-in", form=form, headers={"Sec-Fetch-Site": "same-origin"}, max_redirects=0)
    assert (answer.status, answer.headers["location"]) == (303, "/"), answer.text()
