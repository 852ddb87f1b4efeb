"""Who is let in at the portal: headers, cookies, and requests that other sites' pages make."""

import re
import ssl
from collections.abc import Iterator

import httpx2
import pytest
from tests.emulator.asking import Asker

from keyferry.emulator.app import MAX_BODY
from keyferry.emulator.portal.session import IDLE_SECONDS, MOST_SESSIONS, Sessions
from keyferry.emulator.server import Running

HTML = {"Accept": "text/html"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


class Person:
    """A browser as far as its requests go: cookies, and headers that say whose page sends a form."""

    def __init__(self, served: Running) -> None:
        self.base = served.url
        verify = ssl.create_default_context(cafile=str(served.ca_file))
        self.http = httpx2.Client(verify=verify, trust_env=False, base_url=served.url)

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path, headers=HTML)

    def post(self, path: str, fields: dict[str, str], **headers: str | None) -> httpx2.Response:
        own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in {**own, **named}.items() if value is not None}
        return self.http.post(path, data=fields, headers=sent)

    def sign_in(self) -> httpx2.Response:
        return self.post("/portal/sign-in", {"next": "/portal/customer-key"})

    def token(self) -> str:
        found = re.search(r'name="form_token" value="([^"]+)"', self.get("/portal/").text)
        assert found is not None
        return found[1]


@pytest.fixture
def stranger(emulator: Running) -> Iterator[Person]:
    person = Person(emulator)
    yield person
    person.http.close()


@pytest.fixture
def person(stranger: Person) -> Person:
    assert stranger.sign_in().status_code == 303
    return stranger


def test_the_root_leads_a_browser_to_the_portal_and_tells_programs_what_there_is(asker: Asker, person: Person) -> None:
    for path in ("/", "/portal"):
        assert person.get(path).headers["location"] == "/portal/"
    answer = asker.ask("GET", "/")
    assert answer.status == 404
    assert b"/keys" in answer.body


def test_every_answer_has_its_headers(person: Person) -> None:
    for path in ("/portal/", "/portal/vaults/create", "/portal/vaults/no-such-vault", "/portal/nothing"):
        headers = person.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_pages_have_no_script_or_style_within(person: Person) -> None:
    for path in ("/portal/", "/portal/vaults/create", "/portal/vaults/keyferry-vault-a/create-key"):
        text = person.get(path).text
        assert " style=" not in text
        assert "<style" not in text
        assert not re.search(r"\son\w+=", text)
        assert re.findall(r"<script[^>]*>(.*?)</script>", text) == [""]
        for address in re.findall(r'(?:src|href|action)="([^"]+)"', text):
            assert address.startswith(("/portal/", "#")), address


def test_files_of_the_pages_are_kept_by_browsers_under_their_content(person: Person) -> None:
    paths = re.findall(r'"(/portal/static/[^"]+)"', person.get("/portal/").text)
    assert len(paths) == 3
    for path in paths:
        answer = person.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert person.get("/portal/static/0000000000000000/portal.css").status_code == 404


def test_a_stranger_is_led_to_the_sign_in_page_and_back(stranger: Person) -> None:
    answer = stranger.get("/portal/vaults/keyferry-vault-a/keys")
    assert answer.headers["location"] == "/portal/sign-in?next=/portal/vaults/keyferry-vault-a/keys"
    signed_in = stranger.sign_in()
    assert signed_in.headers["location"] == "/portal/customer-key"
    assert stranger.get("/portal/customer-key").status_code == 200
    assert stranger.get("/portal/sign-in").headers["location"] == "/portal/"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/portal//evil.example", "/\\evil.example", "/keys", ""]
)
def test_signing_in_leads_nowhere_else(stranger: Person, elsewhere: str) -> None:
    assert stranger.post("/portal/sign-in", {"next": elsewhere}).headers["location"] == "/portal/"


def test_the_cookie_is_the_portals_alone(stranger: Person) -> None:
    cookie = stranger.sign_in().headers["set-cookie"]
    assert re.match(r"__Host-keyferry-emulator-\d+=", cookie)
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= set(re.split("; ?", cookie))
    assert "Domain" not in cookie


def test_a_session_is_new_at_every_sign_in_and_ends_when_signed_out(person: Person) -> None:
    before = dict(person.http.cookies)
    token = person.token()
    assert person.sign_in().status_code == 303
    assert dict(person.http.cookies) != before
    assert person.token() != token
    kept = dict(person.http.cookies)
    assert person.post("/portal/sign-out", {"form_token": person.token()}).status_code == 303
    person.http.cookies.update(kept)
    assert person.get("/portal/").headers["location"].startswith("/portal/sign-in")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec_Fetch_Site": None},
        {"Origin": "null", "Sec_Fetch_Site": None},
        {"Origin": None, "Sec_Fetch_Site": "same-site"},
        {"Origin": None, "Sec_Fetch_Site": "none"},
        {"Origin": None, "Sec_Fetch_Site": None},
    ],
)
def test_forms_of_other_sites_are_refused(person: Person, headers: dict[str, str | None]) -> None:
    """Even with the session's cookie and token; another port of localhost is another origin."""
    token = person.token()
    for path in ("/portal/vaults/keyferry-vault-a/delete", "/portal/sign-in", "/portal/sign-out"):
        answer = person.post(path, {"form_token": token}, **headers)
        assert answer.status_code == 403
        assert "came from another site" in answer.text
    assert person.get("/portal/vaults/keyferry-vault-a").status_code == 200


@pytest.mark.parametrize("token", ["", "guessed", "ä"])
def test_a_form_without_the_sessions_token_is_refused(person: Person, token: str) -> None:
    answer = person.post("/portal/vaults/keyferry-vault-a/delete", {"form_token": token})
    assert answer.status_code == 403
    assert "another sign-in" in answer.text
    assert person.get("/portal/vaults/keyferry-vault-a").status_code == 200


def test_a_post_without_a_session_does_nothing(stranger: Person) -> None:
    answer = stranger.post("/portal/vaults/keyferry-vault-a/delete", {"form_token": "any"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal/sign-in?next=/portal/")


def test_what_is_no_form_is_refused(person: Person) -> None:
    path, own = "/portal/vaults/create", {"Origin": person.base}
    for kind, content in (
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"no boundary in sight"),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % number for number in range(200))),
        ("application/x-www-form-urlencoded", b"name=" + b"x" * 100_000),
    ):
        answer = person.http.post(path, content=content, headers={**own, "Content-Type": kind})
        assert answer.status_code in {400, 403}, kind
        assert "<h1>" in answer.text


def test_a_file_that_is_too_large_is_refused_with_a_page(asker: Asker) -> None:
    answer = asker.ask("POST", "/portal/vaults/create", body=b" " * (MAX_BODY + 1))
    assert answer.status == 413
    assert b"<h1>Refused</h1>" in answer.body
    assert answer.header("content-security-policy") == POLICY


def test_forms_take_their_own_method_alone(person: Person) -> None:
    assert person.get("/portal/vaults/keyferry-vault-a/delete").status_code == 405


def test_what_is_typed_is_shown_as_text(person: Person) -> None:
    typed = "<script>alert(1)</script>\"'&"
    fields = {"form_token": person.token(), "step": "review", "name": typed, "new_group": typed, "subscription": typed}
    answer = person.post("/portal/vaults/create", fields)
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text


def test_the_portal_is_at_local_names_alone(asker: Asker) -> None:
    for host in ("keyferry-vault-a.vault.azure.net", "management.azure.com", "login.microsoftonline.com"):
        assert asker.ask("GET", "/portal/", host=host).status in {401, 404}
    assert asker.ask("GET", "/portal/", host="evil.example").status == 421


def test_sessions_end_when_they_are_idle_and_when_there_are_too_many() -> None:
    now = [0.0]
    kept = Sessions(lambda: now[0])
    first, session = kept.begin()
    assert kept.find(first) is session
    assert kept.find("another") is None
    assert kept.find(None) is None
    now[0] = IDLE_SECONDS + 1
    assert kept.find(first) is None
    secrets = []
    for _ in range(MOST_SESSIONS + 1):
        now[0] += 1
        secrets.append(kept.begin()[0])
    assert kept.find(secrets[0]) is None
    assert all(kept.find(secret) for secret in secrets[1:])
