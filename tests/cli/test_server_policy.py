"""The server's policy from the command line, and the way back in on the server itself."""

from tests.cli.terminal import RunningServer, Shell


def test_networks_are_set_shown_and_lifted(administrator: Shell) -> None:
    assert "Networks:          every address" in administrator("server-policy", "show").out
    said = administrator("server-policy", "edit", "--network", "127.0.0.0/8", "--network", "::1", "--json").json
    assert said["networks"] == ["127.0.0.0/8", "::1"]
    assert administrator("server-policy", "edit", "--any-network", "--json").json["networks"] is None


def test_what_would_turn_its_author_away_is_refused(administrator: Shell) -> None:
    what, advice = administrator("server-policy", "edit", "--network", "192.0.2.0/24", code=1).refusal
    assert what.startswith("error (locks-out)")
    assert "even_if_locked_out" in advice


def test_who_has_locked_everybody_out_comes_back_in_on_the_server(administrator: Shell, server: RunningServer) -> None:
    administrator("server-policy", "edit", "--network", "192.0.2.0/24", "--even-if-locked-out")
    assert administrator("whoami", code=1).refusal[0].startswith("error (not-authenticated)")
    said = administrator("server-policy", "recover", "--home", server.home)
    assert "Networks:          every address" in said.out
    assert administrator("whoami").code == 0
    log = administrator("audit", "list", "--operation", "server-policy.edit", "--json").json
    assert log["items"][-1]["actor_name"] == "keyferry server-policy recover"


def test_contradictions_are_wrong_usage(administrator: Shell) -> None:
    for options in (
        ("--network", "::1", "--any-network"),
        ("--second-factor-for", "administrator", "--no-second-factor"),
    ):
        assert administrator("server-policy", "edit", *options, code=2).refusal[0].startswith("error (wrong-usage)")


def test_a_key_access_user_neither_sees_nor_changes_it(kim: Shell) -> None:
    for arguments in (("show",), ("edit", "--any-network")):
        assert kim("server-policy", *arguments, code=1).refusal[0].startswith("error (not-permitted)")
