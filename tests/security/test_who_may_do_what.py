"""Classes of faults that key management servers have had, as rules: those of who is let do what.

Each class is named as the published faults are: a stale yes from a cache, a permission asked of the wrong object, two
looks at one state, a door that is open by default, a path read twice, a request that describes its own sender, a
ceremony that anybody may cancel, a certificate that stands for another.
"""

import re
import threading
from collections.abc import Callable
from urllib.parse import quote

import pytest
import time_machine
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import Person
from tests.security.conftest import Scene

from keyferry.config.settings import TABLE
from keyferry.custody.caller import Caller
from keyferry.custody.certificates import BundleForm, NewCertificate
from keyferry.custody.groups import GroupEdit
from keyferry.custody.keys import NewKey
from keyferry.custody.lifecycle import RevocationReason
from keyferry.custody.policy import POLICY, Operation
from keyferry.errors import KeyferryError, NotAuthenticated, NotFound, NotPermitted, PreconditionFailed
from keyferry.material.secret import Secret
from keyferry.testing import PASSWORD

HOUR = 3600


class TestACacheOutlivesARevocation:
    def test_a_key_that_was_just_used_is_refused_once_it_is_compromised_or_destroyed(self, scene: Scene) -> None:
        custody, kim = scene.kit.custody, scene.caller(scene.user)
        key = custody.keys.generate(kim, NewKey(algorithm="aes-256", group="payments")).key.id
        kept = custody.uses.encrypt(kim, key, Secret(b"text"))  # its material is parsed, and kept
        custody.states.revoke(kim, key, RevocationReason.KEY_COMPROMISE)
        with pytest.raises(KeyferryError) as refused:
            custody.uses.encrypt(kim, key, Secret(b"text"))
        assert refused.value.code == "key-not-active"
        assert kept.ciphertext

    def test_a_token_that_was_just_accepted_is_refused_once_it_is_revoked(self, scene: Scene) -> None:
        made = scene.user("POST", "/tokens", {"name": "bot", "lifetime_seconds": HOUR}).json()
        bot = Person(scene.door.client, "user", scene.user.id, made["token"])
        assert [bot("GET", f"/keys/{scene.key}").status_code for _ in range(3)] == [200, 200, 200]
        assert scene.user("DELETE", f"/tokens/{made['id']}").status_code == 204
        assert bot("GET", f"/keys/{scene.key}").status_code == 401

    def test_who_has_left_the_group_does_nothing_more_with_its_keys(self, scene: Scene) -> None:
        new = {"name": "leaver", "role": "key-access-user", "groups": ["payments"], "password": PASSWORD}
        assert scene.administrator("POST", "/users", new).status_code == 201
        session = scene.door.client.post("/api/v1/sessions", json={"user_name": "leaver", "password": PASSWORD}).json()
        leaver = Person(scene.door.client, "leaver", session["user"]["id"], session["token"])
        assert leaver("GET", f"/keys/{scene.key}").status_code == 200
        assert scene.administrator("PATCH", "/users/leaver", {"groups": []}).status_code == 200
        assert leaver("GET", f"/keys/{scene.key}").status_code == 404


class TestAPermissionIsAskedOfTheWrongObject:
    """Importing over somebody's key, rotating or activating it, were ways in elsewhere."""

    def test_nothing_is_imported_or_generated_over_anothers_key(self, scene: Scene) -> None:
        custody, stranger = scene.kit.custody, scene.caller(scene.stranger)
        before = custody.keys.show(scene.caller(scene.user), scene.key)
        asks: tuple[Callable[[], object], ...] = (
            lambda: custody.keys.import_(
                stranger, NewKey(algorithm="aes-128", name="signer", group="payments"), b"00" * 16
            ),
            lambda: custody.keys.generate(stranger, NewKey(algorithm="aes-128", name="signer", group="payments")),
            lambda: custody.keys.generate(stranger, NewKey(algorithm="aes-128", owner="user")),
        )
        for ask in asks:
            with pytest.raises(KeyferryError):
                ask()
        mine = custody.keys.generate(stranger, NewKey(algorithm="aes-128", name="signer")).key
        assert mine.id != scene.key, "a name of one's own beside it"
        assert custody.keys.show(scene.caller(scene.user), scene.key) == before

    @pytest.mark.parametrize("path", ["activate", "deactivate", "versions", "promote", "destroy", "revoke", "reassign"])
    def test_no_change_of_state_is_open_to_who_does_not_own_it(self, scene: Scene, path: str) -> None:
        body: dict[str, object] = (
            {"reason": "superseded"} if path == "revoke" else {"group": "elsewhere"} if path == "reassign" else {}
        )
        body |= {"version": 1} if path == "promote" else {}
        answer = scene.stranger("POST", f"/keys/{scene.key}/{path}", body)
        assert answer.status_code == 404, answer.text
        assert f"There is no key '{scene.key}'" in answer.json()["detail"], "it is the key that there is none of"

    def test_no_role_handles_key_material_but_the_one_that_owns_keys(self, scene: Scene) -> None:
        for person in (scene.administrator, scene.auditor):
            for path, body in (("sign", {"message": "dGV4dA"}), ("versions", {}), ("activate", {})):
                assert person("POST", f"/keys/{scene.key}/{path}", body).status_code == 403, (person.name, path)


class TestTwoLooksAtOneState:
    def test_of_edits_that_were_made_from_one_revision_one_is_written(self, scene: Scene) -> None:
        custody, me = scene.kit.custody, scene.caller(scene.administrator)
        group = custody.groups.create(me, "raced")

        def edit(number: int) -> str:
            try:
                custody.groups.edit(me, "raced", GroupEdit(description=str(number)), revision=group.revision)
            except PreconditionFailed as refusal:
                return refusal.code
            return "written"

        assert sorted(_at_once(edit, 6)) == ["revision-conflict"] * 5 + ["written"]
        assert custody.groups.show(me, "raced").revision == group.revision + 1

    def test_a_key_is_destroyed_once(self, scene: Scene) -> None:
        custody, kim = scene.kit.custody, scene.caller(scene.user)
        key = custody.keys.generate(kim, NewKey(algorithm="aes-128", group="payments", activated=False)).key.id

        def destroy(_: int) -> str:
            try:
                custody.states.destroy(kim, key)
            except KeyferryError as refusal:
                return refusal.code
            return "destroyed"

        outcomes = _at_once(destroy, 6)
        assert outcomes.count("destroyed") == 1
        assert set(outcomes) == {"destroyed", "destruction-pending"}


class TestADoorIsOpenByDefault:
    def test_every_route_but_those_that_are_named_asks_who_is_there(self, scene: Scene) -> None:
        """`test_every_door.py` and `test_who_is_shut_out.py` ask each; none has come beside them."""
        paths = [str(getattr(route, "path_format", "")) for route in iter_route_contexts(scene.door.app.routes)]
        answered = [
            path for path in paths if path and scene.door.client.get(re.sub("[{}]", "", path)).status_code < 400
        ]
        assert set(answered) <= {"/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"}
        assert len(paths) > 65

    def test_a_token_with_one_letter_changed_is_none(self, scene: Scene) -> None:
        token = scene.user.token
        for place in range(0, len(token), 3):
            other = token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]
            person = Person(scene.door.client, "user", scene.user.id, other)
            assert person("GET", "/keys").status_code == 401, place

    def test_no_setting_turns_authentication_or_verification_off(self) -> None:
        switches = {
            name for name in TABLE if any(word in name for word in ("insecure", "skip", "disable", "no_", "unsafe"))
        }
        assert switches == set()

    def test_whatever_the_policy_does_not_name_is_refused(self) -> None:
        assert set(POLICY) == set(Operation)
        assert all(len(reach) == 3 for reach in POLICY.values())


SEGMENTS = st.sampled_from(
    ["..", ".", "%2e%2e", "%2E.", "%2F", "%5C", ";", "%00", "%20", "signer", "SIGNER", "payments", "users", "keys", "*"]
)


class TestAPathIsReadTwice:
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(segments=st.lists(SEGMENTS, min_size=1, max_size=5))
    def test_no_spelling_of_a_path_leads_to_a_key_that_is_hidden(self, scene: Scene, segments: list[str]) -> None:
        for path in ("/keys/" + "/".join(segments), f"/keys/{'%2F'.join(segments)}", f"/keys/{scene.key}{segments[0]}"):
            answer = scene.stranger("GET", path)
            assert scene.key not in answer.text.replace(quote(path, safe="/%"), "").replace(path, "") or (
                answer.status_code >= 400
            ), path
            assert answer.status_code >= 400 or "payments" not in answer.text, path

    @pytest.mark.parametrize("spelt", ["/keys/", "/keys//", "//keys", "/keys;a=b", "/keys%2f"])
    def test_a_list_with_another_ending_is_none(self, scene: Scene, spelt: str) -> None:
        assert scene.stranger("GET", spelt).status_code in {404, 405}

    @pytest.mark.parametrize("name", ["Administrator", "ADMINISTRATOR", "administrator ", "root", "key-access-user\0"])
    def test_roles_are_written_in_one_way(self, scene: Scene, name: str) -> None:
        new = {"name": "spelt", "role": name, "password": PASSWORD}
        assert scene.administrator("POST", "/users", new).status_code == 422

    def test_a_wildcard_is_a_name_like_any(self, scene: Scene) -> None:
        for pattern in ("*", "%", "_", "sign%", "s*", "payments/*", "../payments/signer", "payments//signer"):
            with pytest.raises(NotFound):
                scene.kit.custody.keys.show(scene.caller(scene.user), pattern)


FORGED = {
    **dict.fromkeys(("X-Forwarded-User", "X-Remote-User", "Remote-User", "X-User", "X-Auth-User"), "first-admin"),
    **dict.fromkeys(("X-Role", "X-Roles", "X-Groups", "X-Is-Admin", "X-Keyferry-Role"), "administrator"),
    **dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"), "127.0.0.1"),
    **dict.fromkeys(("Client-Cert", "X-SSL-Client-Cert", "X-Client-Cert", "X-ARR-ClientCert"), ":AAAA:"),
    **dict.fromkeys(("X-Original-URL", "X-Rewrite-URL"), "/api/v1/healthz"),
}


class TestARequestDescribesItsOwnSender:
    def test_no_header_makes_somebody_of_the_stranger(self, scene: Scene) -> None:
        for headers in ({name: value} for name, value in FORGED.items()):
            assert scene.stranger("GET", f"/keys/{scene.key}", headers=headers).status_code == 404, headers
            assert scene.stranger("GET", "/users", headers=headers).status_code == 403, headers
            assert scene.stranger("GET", "/sessions/current", headers=headers).json()["user"]["name"] == "stranger"
        assert scene.stranger("GET", f"/keys/{scene.key}", headers=FORGED).status_code == 404

    @pytest.mark.parametrize("method", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
    def test_no_header_makes_another_method_of_a_request(self, scene: Scene, method: str) -> None:
        assert scene.user("POST", f"/keys/{scene.key}", {}, headers={method: "PATCH"}).status_code == 405

    @pytest.mark.parametrize(
        "query",
        [
            "user_id={admin}",
            "role=administrator",
            "actor={admin}",
            "user={admin}",
            "owner_user_id={me}",
            "_method=DELETE",
        ],
    )
    def test_no_query_does(self, scene: Scene, query: str) -> None:
        asked = query.format(admin=scene.administrator.id, me=scene.stranger.id)
        assert scene.stranger("GET", f"/keys/{scene.key}?{asked}").status_code in {404, 422}
        assert scene.stranger("POST", f"/keys/{scene.key}/sign?{asked}", {"message": "dGV4dA"}).status_code in {
            404,
            422,
        }

    @pytest.mark.parametrize(
        "member",
        ["id", "role", "owner_user_id", "owner_group_id", "user_id", "actor", "revision", "seal", "created_by"],
    )
    def test_no_member_of_a_body_does(self, scene: Scene, member: str) -> None:
        body = {"type": "aes-128", "group": "elsewhere", member: scene.stranger.id}
        assert scene.stranger("POST", "/keys", body).status_code == 422
        assert scene.user("PATCH", f"/keys/{scene.key}", {"description": "A", member: "x"}).status_code == 422


class TestALockoutIsSteppedAround:
    def test_failures_under_every_spelling_of_a_name_are_one_count(self, scene: Scene) -> None:
        kit = scene.kit
        kit.user("locked")
        with time_machine.travel("2031-05-01T12:00:00Z", tick=False):
            for name in ("locked", "LOCKED", "Locked", "lOCKED", "locKed", "loCKed"):
                with pytest.raises(NotAuthenticated):
                    kit.sign_in(name, "wrong-harbour-lantern-1", address="192.0.2.200")
            for name in ("locked", "LOCKED"):
                with pytest.raises(NotAuthenticated):
                    kit.sign_in(name, address="192.0.2.201")  # the right one, too soon
        for name in (" locked", "locked ", "locked\t", "\u200blocked", "locked\0"):
            with pytest.raises(NotAuthenticated):
                kit.sign_in(name)


class TestACeremonyIsOpenToWhoIsNotInIt:
    CEREMONIES = (
        *(Operation.ROOT_EXPORT, Operation.ROOT_ROTATE, Operation.ROOT_PASSPHRASE, Operation.DATA_KEYS_ROTATE),
        *(Operation.BACKUP_CREATE, Operation.BACKUP_RESTORE),
    )

    def test_the_root_and_backups_are_for_the_servers_own_command_line(self, scene: Scene) -> None:
        for operation in self.CEREMONIES:
            assert not any(POLICY[operation]), operation
        paths = [getattr(route, "path_format", "") for route in iter_route_contexts(scene.door.app.routes)]
        words = ("root", "/v1/backup", "rekey", "unseal", "restore", "data-key", "server-policy/")
        assert len(paths) > 65
        assert [path for path in paths if any(word in path for word in words)] == []

    def test_an_export_or_backup_route_that_is_guessed_is_not_there(self, scene: Scene) -> None:
        for path in ("/root", "/root/rotate", "/backups", "/sys/rekey/init", "/sys/generate-root/attempt", "/unseal"):
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert scene.administrator(method, path).status_code == 404, path


class TestACertificateStandsForAnother:
    def test_a_caller_is_known_by_the_certificates_own_row(self, scene: Scene) -> None:
        custody, kim = scene.kit.custody, scene.caller(scene.user)
        theirs = custody.certificates.issue(
            scene.caller(scene.stranger), NewCertificate(name="theirs", form=BundleForm.PEM)
        )

        borrowed = Caller(kim.user_id, None, kim.address, theirs.certificate.id)
        with pytest.raises(NotAuthenticated):
            custody.keys.show(borrowed, scene.key)
        own = custody.certificates.issue(kim, NewCertificate(name="own", form=BundleForm.PEM)).certificate
        mine = Caller(kim.user_id, None, kim.address, own.id)
        assert custody.keys.show(mine, scene.key).key.id == scene.key
        with pytest.raises(NotPermitted):
            custody.certificates.issue(mine, NewCertificate(name="another", form=BundleForm.PEM))


def _at_once(ask: Callable[[int], str], times: int) -> list[str]:
    outcomes: list[str] = []
    begin = threading.Barrier(times)

    def run(number: int) -> None:
        begin.wait()
        outcomes.append(ask(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
