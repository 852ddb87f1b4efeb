"""Sessions, tokens, groups and users, against a real server."""

from pathlib import Path

import pytest
from tests.cli.terminal import PASSWORD, RunningServer, Shell

OTHER_PASSWORD = "quiet-otter-compass-77"


class TestSessions:
    def test_login_keeps_a_private_profile_and_shows_no_token(self, server: RunningServer, shell: Shell) -> None:
        file = shell.secret("password")
        said = shell(
            *("login", "--server", server.url, "--user", "first-admin", "--password-file", file),
            *("--ca-file", server.ca_file),
        )
        profile = shell.directory / "config" / "keyferry" / "profiles" / "default.toml"
        assert said.out.startswith("Signed in as first-admin.\n")
        assert profile.stat().st_mode & 0o777 == 0o600
        assert "kf_" in profile.read_text()
        assert "kf_" not in said.out + said.err
        assert PASSWORD not in said.out + said.err + profile.read_text()

    def test_login_as_json_shows_no_token_either(self, server: RunningServer, shell: Shell) -> None:
        said = shell(
            *("login", "--server", server.url, "--user", "first-admin", "--password-file", "-", "--json"),
            *("--ca-file", server.ca_file),
            stdin=PASSWORD,
        )
        assert said.json["user"]["role"] == "administrator"
        assert "token" not in said.json

    def test_the_ca_of_a_home_on_this_machine_is_found(self, server: RunningServer, shell: Shell) -> None:
        shell.env["KEYFERRY_HOME"] = str(server.home)
        shell("login", "--server", server.url, "--user", "first-admin", "--password-file", "-", stdin=PASSWORD)
        shell("whoami")

    def test_a_wrong_password_is_refused_and_keeps_no_profile(self, server: RunningServer, shell: Shell) -> None:
        what, _ = shell(
            *("login", "--server", server.url, "--user", "nobody", "--password-file", "-", "--ca-file", server.ca_file),
            stdin="wrong-password-1",
            code=1,
        ).refusal
        assert what.startswith("error (sign-in-refused)")
        assert not (shell.directory / "config").exists()

    def test_whoami_says_who_and_where(self, administrator: Shell, server: RunningServer) -> None:
        said = administrator("whoami").out
        assert "  User:   first-admin\n" in said
        assert server.url in said
        assert administrator("whoami", "--json").json["user"]["name"] == "first-admin"

    def test_logout_ends_the_session_and_removes_the_profile(self, administrator: Shell) -> None:
        profile = administrator.directory / "config" / "keyferry" / "profiles" / "default.toml"
        kept = profile.read_bytes()
        administrator("logout")
        assert administrator("whoami", code=1).refusal[0].startswith("error (not-signed-in)")
        profile.write_bytes(kept)
        profile.chmod(0o600)
        what, advice = administrator("whoami", code=1).refusal
        assert what.startswith("error (not-authenticated)")
        assert advice.startswith("Sign in again: keyferry login --server https://127.0.0.1:")
        assert administrator("logout").out.startswith("Signed out")  # the session has ended: what is left is removed
        assert not profile.exists()

    def test_profiles_are_chosen_by_option_or_variable(self, server: RunningServer, shell: Shell) -> None:
        shell.sign_in(server, "first-admin", profile="prod")
        shell("whoami", code=1)
        shell("whoami", "--profile", "prod")
        shell.env["KEYFERRY_PROFILE"] = "prod"
        shell("whoami")


class TestTokens:
    def test_a_token_in_a_file_works_until_it_is_revoked(self, administrator: Shell, tmp_path: Path) -> None:
        file = tmp_path / "token"
        made = administrator("token", "create", "backup job", "--lifetime", "2h", "--output", file, "--json")
        assert "kf_" not in made.out
        assert file.stat().st_mode & 0o777 == 0o600
        assert "backup job" in administrator("token", "list").out
        other = Shell(tmp_path, {"KEYFERRY_TOKEN_FILE": str(file)})
        assert other("whoami", "--json").json["token_name"] == "backup job"
        administrator("token", "revoke", made.json["id"])
        assert other("whoami", code=1).refusal[0].startswith("error (not-authenticated)")
        revoked = {token["id"]: token["revoked_at"] for token in administrator("token", "list", "--json").json["items"]}
        assert revoked[made.json["id"]] is not None

    def test_without_a_file_the_token_is_printed_once(self, administrator: Shell) -> None:
        said = administrator("token", "create", "printed").out
        assert "Keep it now: it is not shown again." in said
        assert "  Token: kf_" in said

    def test_a_file_that_exists_is_refused_before_a_token_is_made(self, administrator: Shell, tmp_path: Path) -> None:
        (tmp_path / "token").touch()
        administrator("token", "create", "never made", "--output", tmp_path / "token", code=1)
        assert "never made" not in administrator("token", "list").out


class TestGroups:
    def test_a_group_from_its_making_to_its_end(self, administrator: Shell) -> None:
        administrator("group", "create", "ferry", "--description", "First")
        assert "KEK policy:  inherit" in administrator("group", "show", "ferry").out
        changed = administrator("group", "edit", "ferry", "--kek-policy", "registered", "--json").json
        assert (changed["description"], changed["kek_policy"]) == ("First", "registered")
        assert administrator("group", "edit", "ferry", "--description", "", "--json").json["description"] is None
        assert "ferry" in administrator("group", "list").out
        assert administrator("group", "delete", "ferry").out == "Group ferry was deleted.\n"
        assert administrator("group", "show", "ferry", code=1).refusal[0].startswith("error (not-found)")

    def test_upper_case_is_refused(self, administrator: Shell) -> None:
        assert administrator("group", "create", "Ferry", code=1).refusal[0].startswith("error (name-refused) in ID: ")

    def test_lists_go_through_every_page(self, administrator: Shell) -> None:
        """The server's pages hold three items here."""
        names = {f"page-{number}" for number in range(8)}
        for name in names:
            administrator("group", "create", name)
        listed = administrator("group", "list", "--json").json["items"]
        assert names <= {group["id"] for group in listed}
        assert len(administrator("group", "list", "--limit", 4, "--json").json["items"]) == 4

    def test_a_key_access_user_creates_none(self, kim: Shell) -> None:
        assert kim("group", "create", "mine", code=1).refusal[0].startswith("error (not-permitted)")


class TestUsers:
    @pytest.fixture
    def omar(self, administrator: Shell) -> str:
        name = f"omar-{administrator.directory.name[-40:]}".replace("_", "-")
        administrator(
            *("user", "create", name, "--role", "key-access-user", "--password-file", administrator.secret("new")),
            *("--display-name", "Omar", "--email", "omar@example.org", "--allow-network", "127.0.0.0/8"),
        )
        return name

    def test_show_and_list(self, administrator: Shell, omar: str) -> None:
        said = administrator("user", "show", omar).out
        for line in ("Role:         key-access-user", "Networks:     127.0.0.0/8", "Display name: Omar"):
            assert line in said
        assert omar in administrator("user", "list").out

    def test_edit_changes_what_is_named_and_clears_what_is_asked_for(self, administrator: Shell, omar: str) -> None:
        for group in ("deck", "hold"):
            if administrator("group", "list").out.count(group) == 0:
                administrator("group", "create", group)
        edit = ("user", "edit", omar, "--json")
        changed = administrator(*edit, "--group", "deck", "--group", "hold", "--default-group", "hold").json
        assert (sorted(changed["groups"]), changed["default_group"]) == (["deck", "hold"], "hold")
        assert changed["networks"] == ["127.0.0.0/8"]
        cleared = administrator(*edit, "--any-network", "--no-default-group", "--email", "").json
        assert (cleared["networks"], cleared["default_group"], cleared["email"]) == (None, None, None)
        assert sorted(cleared["groups"]) == ["deck", "hold"]
        assert administrator(*edit, "--no-groups").json["groups"] == []

    def test_disable_enable_delete(self, administrator: Shell, server: RunningServer, omar: str) -> None:
        other = Shell(administrator.directory)
        other.sign_in(server, omar, profile="omar")
        administrator("user", "disable", omar)
        assert other("whoami", "--profile", "omar", code=1).refusal[0].startswith("error (not-authenticated)")
        administrator("user", "enable", omar)
        other.sign_in(server, omar, profile="omar")
        administrator("user", "delete", omar)
        assert administrator("user", "show", omar, code=1).refusal[0].startswith("error (not-found)")

    def test_an_administrator_sets_a_password(self, administrator: Shell, server: RunningServer, omar: str) -> None:
        administrator("user", "password", omar, "--password-file", administrator.secret("next", OTHER_PASSWORD))
        administrator.sign_in(server, omar, password=OTHER_PASSWORD, profile="omar")

    def test_ones_own_password_needs_the_present_one(
        self, administrator: Shell, server: RunningServer, omar: str
    ) -> None:
        administrator.sign_in(server, omar, profile="omar")
        change = ("user", "password", omar, "--profile", "omar", "--password-file", "-")
        assert "current" in administrator(*change, stdin=OTHER_PASSWORD, code=1).refusal[0]
        administrator(*change, "--current-password-file", administrator.secret("now"), stdin=OTHER_PASSWORD)
        administrator.sign_in(server, omar, password=OTHER_PASSWORD, profile="omar")

    def test_two_passwords_cannot_come_from_standard_input(self, administrator: Shell) -> None:
        said = administrator("user", "password", "x", "--password-file", "-", "--current-password-file", "-", code=2)
        assert "standard input" in said.refusal[0]

    def test_a_weak_password_is_refused_and_not_repeated(self, administrator: Shell) -> None:
        said = administrator(
            *("user", "create", "weak", "--role", "administrator", "--password-file", "-"), stdin="short", code=1
        )
        assert said.refusal[0].startswith("error (password-refused) in --password-file: ")
        assert "short" not in said.err.replace("shorter", "")


class TestNarrowedTokens:
    def test_a_token_is_narrowed_and_listed_with_what_it_is_for(self, kim: Shell, server: RunningServer) -> None:
        kim("key", "create", "--type", "aes-256", "--name", "narrow", "--group", "payments")
        kim("key", "create", "--type", "aes-256", "--name", "beside", "--group", "payments")
        file = kim.directory / "narrow.token"
        said = kim(
            *("token", "create", "narrow-bot", "--operation", "read", "--key", "payments/narrow"),
            *("--network", "127.0.0.0/8", "--lifetime", "1h", "--output", file),
        )
        assert "For:" in said.out
        assert "read; keys narrow (" in said.out
        listed = [each for each in kim("token", "list", "--json").json["items"] if each["name"] == "narrow-bot"]
        assert (listed[0]["operations"], listed[0]["networks"]) == (["read"], ["127.0.0.0/8"])
        kim.env["KEYFERRY_TOKEN_FILE"] = str(file)
        assert kim("whoami").code == 0
        assert kim("key", "show", "narrow").code == 0
        assert kim("key", "show", "beside", code=1).refusal[0].startswith("error (not-found)")
        assert kim("key", "list", code=1).refusal[0].startswith("error (not-permitted)")
        assert kim("token", "create", "wider", code=1).refusal[0].startswith("error (not-permitted)")

    def test_what_is_no_operation_is_refused(self, kim: Shell) -> None:
        what, advice = kim("token", "create", "bot", "--operation", "key.steal", code=1).refusal
        assert what.startswith("error (invalid-input) in --operation")
        assert "read" in advice
