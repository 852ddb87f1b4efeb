"""Where a request comes from, behind proxies and without: what a client writes into a header changes nothing."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from keyferry.api.app import create_app
from keyferry.custody.accounts import UserEdit
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.doors.addresses import UNKNOWN_ADDRESS, client_behind
from keyferry.doors.figures import Figures
from keyferry.doors.services import Services
from keyferry.doors.workers import Crew
from keyferry.errors import CannotStart
from keyferry.identity.networks import parse_networks
from keyferry.server import application
from keyferry.testing import ADMINISTRATOR, PASSWORD, Kit

PROXIES = ("192.0.2.80", "198.51.100.0/24", "2001:db8:80::/64")
TRUSTED = parse_networks(PROXIES)
PROXY, ELSEWHERE, CLIENT = "192.0.2.80", "203.0.113.66", "203.0.113.7"


@pytest.mark.parametrize(
    ("said", "client"),
    [
        (CLIENT, CLIENT),
        (f"10.0.0.1, {CLIENT}", CLIENT),
        (f"127.0.0.1,{CLIENT} , 198.51.100.9,192.0.2.80", CLIENT),
        ("198.51.100.9, 192.0.2.80", "198.51.100.9"),
        (f"{CLIENT}:4711", CLIENT),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:DB8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"[::ffff:{CLIENT}]:1", CLIENT),
        (f"{CLIENT}, ::ffff:198.51.100.9", CLIENT),
        (f"{CLIENT}, 2001:db8:80::1", CLIENT),
        (f"nonsense, {CLIENT}", CLIENT),
    ],
)
def test_the_last_address_that_is_no_trusted_proxys_is_the_clients(said: str, client: str) -> None:
    assert client_behind(TRUSTED, said) == client


@pytest.mark.parametrize(
    "said",
    [
        *("", " ", ",", f"{CLIENT},", "nonsense", "unknown", "_hidden", f"{CLIENT}, nonsense", f"{CLIENT}:port"),
        *(f"{CLIENT}:", "[203.0.113.7]", "[2001:db8::7", "2001:db8::7]:1", "fe80::1%eth0", "0x7f.1", "2130706433"),
        *("203.0.113.07", "127.1", "\uff11\uff12\uff17.0.0.1", "203.0.113.7\x00", "203.0.113.7 203.0.113.8"),
        '"203.0.113.7"',
    ],
)
def test_what_is_no_address_comes_from_nowhere(said: str) -> None:
    assert client_behind(TRUSTED, said) == UNKNOWN_ADDRESS


@settings(max_examples=200, deadline=None)
@given(written=st.text(max_size=60), hops=st.lists(st.sampled_from(["192.0.2.80", "198.51.100.3"]), max_size=3))
def test_whatever_a_client_writes_it_is_never_read(written: str, hops: list[str]) -> None:
    assert client_behind(TRUSTED, ", ".join([written, CLIENT, *hops])) == CLIENT


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8", "fe80::1%eth0", [1], {"a": 1}])
def test_what_will_not_do_as_a_proxy(value: object, make_kit: Callable[..., Kit]) -> None:
    with pytest.raises(CannotStart) as refused:
        make_kit(trusted_proxies=value)
    assert (refused.value.code, refused.value.field) == ("setting-refused", "trusted_proxies")


@pytest.fixture
def database_file() -> None:
    """SQLite: no statement of these tests is another on PostgreSQL."""


@pytest.fixture
def kit(make_kit: Callable[..., Kit]) -> Kit:
    return make_kit(trusted_proxies=list(PROXIES))


@pytest.fixture
def services(kit: Kit) -> Services:
    made = kit.installation
    return Services(
        made.custody,
        made.sign_in,
        made.authenticator,
        made.settings,
        Crew.of(made.settings),
        Figures(),
        lambda: None,
        set_up=made.set_up,
    )


Connect = Callable[[str], TestClient]


@pytest.fixture
def connect(services: Services) -> Iterator[Connect]:
    """Connections to both doors, from any address."""
    with TestClient(create_app(services)):  # for its beginning and end, which are the same application's
        yield lambda address: TestClient(
            application(services), base_url="https://testserver", client=(address, 50000), follow_redirects=False
        )


def sign_in(client: TestClient, *forwarded: str) -> httpx2.Response:
    headers = [("X-Forwarded-For", each) for each in forwarded]
    return client.post("/api/v1/sessions", json={"user_name": ADMINISTRATOR, "password": PASSWORD}, headers=headers)


def console_sign_in(client: TestClient, *forwarded: str) -> httpx2.Response:
    headers = [("X-Forwarded-For", each) for each in forwarded]
    form = {"user_name": ADMINISTRATOR, "password": PASSWORD}
    return client.post("/sign-in", data=form, headers=[*headers, ("Sec-Fetch-Site", "same-origin")])


def last_address(kit: Kit) -> str | None:
    (event,) = kit.custody.audit.list(kit.administrator, size=1, newest_first=True).items
    return event.address


@pytest.mark.parametrize("way", [sign_in, console_sign_in])
class TestDoors:
    def test_a_proxy_that_is_trusted_says_where_the_client_is(
        self, kit: Kit, connect: Connect, way: Callable[..., httpx2.Response]
    ) -> None:
        assert way(connect(PROXY), f"127.0.0.1, {CLIENT}, 198.51.100.9").status_code < 400
        assert last_address(kit) == CLIENT
        assert way(connect("::ffff:192.0.2.80"), "127.0.0.1", CLIENT).status_code < 400
        assert last_address(kit) == CLIENT, "several headers are one (RFC 9110 section 5.3)"
        assert way(connect("2001:db8:80::9"), "2001:db8::7").status_code < 400
        assert last_address(kit) == "2001:db8::7"

    def test_nobody_else_is_believed(self, kit: Kit, connect: Connect, way: Callable[..., httpx2.Response]) -> None:
        assert way(connect(ELSEWHERE), CLIENT).status_code < 400
        assert last_address(kit) == ELSEWHERE
        assert way(connect(PROXY)).status_code < 400
        assert last_address(kit) == PROXY, "the proxy itself"

    def test_no_list_is_passed_by_a_forged_header(
        self, kit: Kit, connect: Connect, way: Callable[..., httpx2.Response]
    ) -> None:
        inside = ("127.0.0.0/8", "203.0.113.7")
        kit.custody.server_policy.edit(kit.administrator, ServerPolicyEdit(networks=inside))
        kit.custody.users.edit(kit.administrator, ADMINISTRATOR, UserEdit(networks=inside))
        assert way(connect(PROXY), CLIENT).status_code < 400
        for address, said in [
            (ELSEWHERE, [CLIENT]),
            (PROXY, []),
            (PROXY, [f"{CLIENT}, {ELSEWHERE}"]),
            (PROXY, [CLIENT, ELSEWHERE]),
            (PROXY, [f"{CLIENT}, nonsense"]),
            (PROXY, [f"{CLIENT},"]),
            (PROXY, [f"::ffff:{ELSEWHERE}"]),
            (f"::ffff:{ELSEWHERE}", [CLIENT]),
        ]:
            assert way(connect(address), *said).status_code == 401, (address, said)


def test_a_token_is_judged_by_the_clients_address(kit: Kit, connect: Connect) -> None:
    token = sign_in(connect(PROXY), CLIENT).json()["token"]
    kit.custody.users.edit(kit.administrator, ADMINISTRATOR, UserEdit(networks=(CLIENT, "127.0.0.1")))
    bearer = {"Authorization": f"Bearer {token}"}
    for said, status in ((CLIENT, 200), (f"{CLIENT}, {ELSEWHERE}", 401)):
        answer = connect(PROXY).get("/api/v1/keys", headers={**bearer, "X-Forwarded-For": said})
        assert answer.status_code == status
    assert connect(ELSEWHERE).get("/api/v1/keys", headers={**bearer, "X-Forwarded-For": CLIENT}).status_code == 401


def test_the_access_log_has_the_clients_address(kit: Kit, connect: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    connect(PROXY).get("/healthz", headers={"X-Forwarded-For": f"1.2.3.4, {CLIENT}"})
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert f"address={CLIENT}" in said
    assert "1.2.3.4" not in said


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_what_came_through_a_proxy_is_not_from_the_servers_own_machine(connect: Connect, header: str) -> None:
    assert connect("127.0.0.1").get("/metrics").status_code == 200
    assert connect("127.0.0.1").get("/metrics", headers={header: "127.0.0.1"}).status_code == 401
    assert connect(PROXY).get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401


def test_nor_is_the_set_up_link_open_there(make_kit: Callable[..., Kit], services: Services, connect: Connect) -> None:
    path = "/set-up?token=wrong"
    assert "not, or no longer, good" in connect("127.0.0.1").get(path).text
    for address, said in (("127.0.0.1", "127.0.0.1"), (PROXY, "127.0.0.1"), (PROXY, "::1")):
        page = connect(address).get(path, headers={"X-Forwarded-For": said})
        assert page.status_code == 403
        assert "own machine alone" in page.text, (address, said)
