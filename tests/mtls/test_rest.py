"""REST with a client certificate, as curl and OpenSSL come with one."""

import base64
import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from tests.certificates import own
from tests.custody.reading import details_of, events_of, later
from tests.mtls.conftest import OWN, Served, decoded, given, issue

from keyferry.client_certificates import issue as sign
from keyferry.client_certificates import pem_of
from keyferry.clock import DAY, SECOND
from keyferry.custody.accounts import UserEdit
from keyferry.custody.caller import Caller
from keyferry.custody.client_authority import ClientAuthority
from keyferry.ids import new_id
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD

JSON = ("-H", "Content-Type: application/json")


@pytest.fixture
def kim(served: Served) -> Caller:
    return served.kit.user(f"kim.{new_id()[-12:]}")


def name_of(served: Served, caller: Caller) -> str:
    return served.kit.custody.users.show(served.kit.administrator, caller.user_id).user.name


class TestComingIn:
    def test_with_one_that_was_issued(self, served: Served, kim: Caller) -> None:
        row, file = given(served, kim)
        answer = served.curl("/api/v1/sessions/current", *OWN, certificate=file)
        assert answer.status == 200, answer
        assert answer.body["user"]["name"] == name_of(served, kim)
        assert (answer.body["certificate_id"], answer.body["token_id"]) == (row.id, None)

    def test_with_ones_own_that_signs_itself(self, served: Served, kim: Caller) -> None:
        mine = own()
        file = served.file(mine.with_key)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 0
        served.kit.custody.certificates.upload(kim, "workstation", mine.pem)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200

    def test_with_one_that_an_authority_issued_which_nobody_knows_here(self, served: Served, kim: Caller) -> None:
        corporate = own("corporate", ca=True, usages=())
        mine, colleagues = own("mine", by=corporate), own("colleague", by=corporate)
        served.kit.custody.certificates.upload(kim, "card", mine.pem)
        assert served.curl("/api/v1/keys", *OWN, certificate=served.file(mine.with_key)).status == 200
        assert served.curl("/api/v1/keys", *OWN, certificate=served.file(colleagues.with_key)).status == 0

    def test_what_is_done_is_audited_with_the_certificate(self, served: Served, kim: Caller) -> None:
        row, file = given(served, kim)
        body = json.dumps({"type": "aes-256", "name": f"made-{new_id()[-12:]}"})
        made = served.curl("/api/v1/keys", *OWN, *JSON, "--data", body, certificate=file)
        assert made.status == 201, made
        event = events_of(served.kit, "key.generate")[-1]
        assert (event.actor_id, event.token_id) == (kim.user_id, None)
        assert details_of(event)["certificate"] == row.id

    def test_without_any_a_token_does(self, served: Served, kim: Caller) -> None:
        token = served.kit.token(name_of(served, kim))
        assert served.curl("/api/v1/keys", "-H", f"Authorization: Bearer {token}").status == 200
        assert served.curl("/api/v1/keys", *OWN).status == 401

    def test_the_other_listener_asks_for_none_and_takes_none(self, served: Served, kim: Caller) -> None:
        _, file = given(served, kim)
        answer = served.curl("/api/v1/keys", *OWN, certificate=file, url=served.url)
        assert (answer.status, answer.body["field"]) == (401, "Authorization")
        for url, asked in ((served.url, False), (served.mutual_url, True)):
            told = subprocess.run(
                ["/usr/bin/openssl", "s_client", "-CAfile", served.ca, "-connect", url.removeprefix("https://")],
                input=b"", capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            assert (b"Requested Signature Algorithms" in told.stdout) is asked
            assert b"Acceptable client certificate CA names" not in told.stdout

    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
    def test_with_openssl(self, served: Served, kim: Caller, version: str) -> None:
        _, file = given(served, kim)
        asked = b"GET /api/v1/keys HTTP/1.1\r\nHost: x\r\nX-Keyferry-Request: 1\r\nConnection: close\r\n\r\n"
        told = subprocess.run(
            ["/usr/bin/openssl", "s_client", version, "-quiet", "-ign_eof", "-cert", file, "-key", file,
             "-CAfile", served.ca, "-connect", served.mutual_url.removeprefix("https://")],
            input=asked, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert told.stdout.startswith(b"HTTP/1.1 200"), told


class TestTurnedAway:
    def test_revoked(self, served: Served, kim: Caller) -> None:
        row, file = given(served, kim)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200
        served.kit.custody.certificates.revoke(kim, row.id)
        answer = served.curl("/api/v1/keys", *OWN, certificate=file)
        assert (answer.status, answer.body["detail"]) == (401, "This certificate was revoked.")

    def test_expired_on_a_connection_that_is_still_open(self, served: Served, kim: Caller) -> None:
        mine = own()
        row = served.kit.custody.certificates.upload(kim, "short", mine.pem, lifetime=60 * SECOND)
        file = served.file(mine.with_key)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200
        assert row.expires_at - row.created_at <= 60 * SECOND
        with later(61 * SECOND):
            assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 401

    def test_an_authority_that_nobody_knows(self, served: Served, kim: Caller) -> None:
        foreign = own("Keyferry client authority", ca=True, usages=())
        file = served.file(own("x", by=foreign).with_key)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 0

    def test_of_the_same_authority_and_unknown(self, served: Served, kim: Caller) -> None:
        """Class L: it has the right issuer, the right name, the right user's id; it is another."""
        given(served, kim)
        authority = ClientAuthority(served.kit.custody.gate).get(kim, kim.user_id)
        stray = own()
        der = sign(
            authority,
            stray.key.public_key(),
            user_id=kim.user_id,
            user_name=name_of(served, kim),
            now=datetime.now(UTC),
            lifetime=timedelta(days=1),
        )
        file = served.file(stray.with_key[: -len(stray.pem)] + pem_of(der).encode())
        answer = served.curl("/api/v1/keys", *OWN, certificate=file)
        assert (answer.status, "is bound to no user" in answer.body["detail"]) == (401, True)

    def test_of_an_authority_that_was_retired(self, served: Served, kim: Caller) -> None:
        """A further authority's certificates pass at once; what is retired is refused, though TLS lets it through."""
        authorities, by = served.kit.custody.client_authorities, served.kit.administrator
        _, before = given(served, kim)
        earlier = authorities.list(by)[-1].authority.id
        newest = authorities.rotate(by)
        _, after = given(served, kim)
        for file in (before, after):
            assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200
        shown = subprocess.run(
            ["/usr/bin/openssl", "x509", "-in", after, "-noout", "-issuer"], capture_output=True, check=True
        )
        assert newest.name.encode() in shown.stdout
        authorities.retire(by, earlier)
        answer = served.curl("/api/v1/keys", *OWN, certificate=before)
        assert (answer.status, answer.body["detail"]) == (401, "This certificate was revoked.")
        assert served.curl("/api/v1/keys", *OWN, certificate=after).status == 200
        told = subprocess.run(
            ["/usr/bin/openssl", "s_client", "-quiet", "-ign_eof", "-cert", after, "-key", after, "-CAfile", served.ca,
             "-connect", served.mutual_url.removeprefix("https://")],
            input=b"GET /api/v1/keys HTTP/1.1\r\nHost: x\r\nX-Keyferry-Request: 1\r\nConnection: close\r\n\r\n",
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert told.stdout.startswith(b"HTTP/1.1 200"), told

    def test_someone_elses_certificate_is_someone_else(self, served: Served, kim: Caller) -> None:
        lee = served.kit.user(f"lee.{new_id()[-12:]}")
        _, file = given(served, lee)
        key = served.kit.key(kim).key.id
        assert served.curl(f"/api/v1/keys/{key}", *OWN, certificate=file).status == 404

    def test_the_certificate_without_its_key(self, served: Served, kim: Caller) -> None:
        issued = issue(served, kim)
        other = own()
        text = issued.bundle.content.reveal()
        public = text[text.index(b"-----BEGIN CERTIFICATE") :]
        file = served.file(other.with_key[: -len(other.pem)] + public)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 0

    def test_a_disabled_user_and_after_enabling_still(self, served: Served, kim: Caller) -> None:
        _, file = given(served, kim)
        served.kit.custody.users.disable(served.kit.administrator, kim.user_id)
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 401
        served.kit.custody.users.enable(served.kit.administrator, kim.user_id)
        answer = served.curl("/api/v1/keys", *OWN, certificate=file)
        assert (answer.status, answer.body["detail"]) == (401, "This certificate was revoked.")

    def test_a_password_that_somebody_else_sets_ends_it_and_ones_own_change_does_not(
        self, served: Served, kim: Caller
    ) -> None:
        users, name = served.kit.custody.users, name_of(served, kim)
        _, file = given(served, kim)
        new = Secret(b"other-lantern-harbour-7")
        users.set_password(kim, kim.user_id, new, current=Secret(PASSWORD.encode()))
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200
        served.kit.sign_in(name, new.reveal().decode())
        users.set_password(served.kit.administrator, kim.user_id, Secret(PASSWORD.encode()))
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 401

    def test_a_wrong_network(self, served: Served, kim: Caller) -> None:
        _, file = given(served, kim)
        served.kit.custody.users.edit(served.kit.administrator, kim.user_id, UserEdit(networks=("192.0.2.0/24",)))
        answer = served.curl("/api/v1/keys", *OWN, certificate=file)
        assert (answer.status, answer.body["detail"]) == (401, "This account may not be used from this address.")

    @pytest.mark.parametrize("header", ["Client-Cert", "X-Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert"])
    def test_a_certificate_in_a_header_is_none(self, served: Served, kim: Caller, header: str) -> None:
        row, _ = given(served, kim)
        value = f":{base64.b64encode(row.certificate).decode()}:"
        for url in (served.url, served.mutual_url):
            answer = served.curl("/api/v1/keys", *OWN, "-H", f"{header}: {value}", url=url)
            assert (answer.status, answer.body["field"]) == (401, "Authorization")

    def test_with_a_token_beside_it(self, served: Served, kim: Caller) -> None:
        _, file = given(served, kim)
        bearer = f"Authorization: Bearer {served.kit.token(name_of(served, kim))}"
        answer = served.curl("/api/v1/keys", *OWN, "-H", bearer, certificate=file)
        assert (answer.status, answer.body["field"]) == (401, "Authorization")

    def test_a_row_that_was_tampered_with(self, served: Served, kim: Caller) -> None:
        lee = served.kit.user(f"lee.{new_id()[-12:]}")
        (row, file), (others, _) = given(served, lee), given(served, kim)
        engine = served.kit.installation.store.engine
        with engine.begin() as connection:
            sql = "UPDATE certificates SET user_id = ? WHERE id = ?"
            connection.exec_driver_sql(sql, (others.user_id, row.id))
        answer = served.curl("/api/v1/keys", *OWN, certificate=file)
        assert (answer.status, answer.body["code"]) == (500, "row-tampered")
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE certificates SET user_id = ? WHERE id = ?", (lee.user_id, row.id))
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200


class TestAnotherSitesRequests:
    @pytest.mark.parametrize("header", [(), ("-H", "X-Keyferry-Request: 0"), (*OWN, *OWN)])
    def test_without_the_header_of_a_program(self, served: Served, kim: Caller, header: tuple[str, ...]) -> None:
        _, file = given(served, kim)
        for method, path in (("GET", "/keys"), ("POST", "/keys"), ("DELETE", "/sessions"), ("GET", "/keys/x")):
            answer = served.curl(f"/api/v1{path}", "-X", method, *header, certificate=file)
            assert (answer.status, answer.body["code"]) == (403, "cross-site-refused")
            assert answer.body["field"] == "X-Keyferry-Request"

    @pytest.mark.parametrize(
        "declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
    )
    def test_a_body_that_is_no_json(self, served: Served, kim: Caller, declared: str) -> None:
        _, file = given(served, kim)
        answer = served.curl(
            "/api/v1/keys", *OWN, "-H", f"Content-Type: {declared}", "--data", '{"type":"aes-256"}', certificate=file
        )
        assert (answer.status, answer.body["code"]) == (415, "unsupported-media-type")
        chunked = ("-H", "Transfer-Encoding: chunked", "-H", f"Content-Type: {declared}")
        answer = served.curl("/api/v1/keys", *OWN, *chunked, "--data", "{}", certificate=file)
        assert answer.status == 415


class TestOverRest:
    def test_issue_show_list_revoke(self, served: Served, kim: Caller) -> None:
        token = served.kit.token(name_of(served, kim))
        bearer = ("-H", f"Authorization: Bearer {token}", *JSON)
        path = f"/api/v1/users/{kim.user_id}/certificates"
        body = json.dumps({"name": "nightly", "format": "pem", "lifetime_seconds": 3600})
        made = served.curl(path, *bearer, "--data", body)
        assert made.status == 201, made
        assert made.body["file_name"].endswith("-nightly.pem")
        file = served.file(decoded(made.body["file"]))
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 200
        listed = served.curl(path, *bearer).body["items"]
        assert [each["id"] for each in listed] == [made.body["id"]]
        assert "file" not in listed[0]
        address = f"/api/v1/certificates/{made.body['id']}"
        assert served.curl(address, *bearer).body["fingerprint"] == made.body["fingerprint"]
        assert served.curl(address, *bearer, "-X", "DELETE").status == 204
        assert served.curl(address, *bearer, "-X", "DELETE").status == 409
        assert served.curl("/api/v1/keys", *OWN, certificate=file).status == 401

    def test_no_certificate_by_a_certificate_or_a_token(self, served: Served, kim: Caller) -> None:
        _, file = given(served, kim)
        issued = served.kit.custody.tokens.create(kim, "script", DAY)
        bearer = f"Authorization: Bearer {issued.text.reveal().decode()}"
        path = f"/api/v1/users/{kim.user_id}/certificates"
        for body in ({"name": "n", "format": "pem"}, {"name": "n", "certificate": own().pem.decode()}):
            data = (*JSON, "--data", json.dumps(body))
            for answer in (
                served.curl(path, *OWN, *data, certificate=file),
                served.curl(path, "-H", bearer, *data),
            ):
                assert (answer.status, answer.body["code"]) == (403, "not-permitted")
