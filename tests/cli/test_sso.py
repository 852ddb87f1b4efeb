"""Identity providers at the command line."""

from tests.cli.terminal import Shell
from tests.custody.vouching import idp


def test_a_provider_from_its_making_to_its_end(administrator: Shell) -> None:
    metadata = administrator.directory / "idp.xml"
    metadata.write_text(idp().metadata())
    administrator("group", "create", "sso-payments")
    made = administrator(
        *("sso", "create", "cli-entra", "--kind", "saml", "--metadata", metadata, "--set", "idp_initiated=true"),
        *("--map", "user_name=mail", "--map", "groups=memberOf", "--group", "CN=Pay,OU=x=sso-payments"),
        *("--update", "--just-in-time", "--clock-skew", "60"),
    )
    assert "it is disabled" in made.out
    assert "keyferry sso test cli-entra" in made.err
    assert "PRIVATE KEY" not in made.out
    shown = administrator("sso", "show", "cli-entra").out
    assert "CN=Pay,OU=x" in shown
    assert idp().entity_id in shown
    assert "cli-entra" in administrator("sso", "list").out
    assert "/settings/sso/cli-entra/test" in administrator("sso", "test", "cli-entra").out
    assert "No sign-in through this provider was tested" in administrator("sso", "enable", "cli-entra", code=1).err
    assert "is enabled" in administrator("sso", "enable", "cli-entra", "--untested").out
    edit = ("sso", "edit", "cli-entra", "--set", "idp_initiated=false")
    assert "is enabled" in administrator(*edit, code=1).err
    assert "was changed" in administrator(*edit, "--untested").out
    assert "was refreshed" in administrator("sso", "refresh", "cli-entra").out
    assert "not in use yet" in administrator("sso", "next-key", "cli-entra").out
    assert "next key already" in administrator("sso", "next-key", "cli-entra", code=1).err
    assert "was erased" in administrator("sso", "next-key", "cli-entra", "--discard").out
    rolled = administrator("sso", "next-key", "cli-entra")
    assert "keyferry sso promote-key cli-entra" in rolled.err
    assert "Earlier" in administrator("sso", "promote-key", "cli-entra").out
    assert "Earlier" not in administrator("sso", "retire-key", "cli-entra").out
    administrator(
        "user", "create", "sso-ann", "--role", "key-access-user", "--password-file", administrator.secret("a")
    )
    bound = administrator("sso", "bind", "cli-entra", "sso-ann", "--user-name", "ann@example.org")
    assert "cli-entra vouches for sso-ann." in bound.out
    listed = administrator("sso", "identities", "sso-ann").out
    assert "ann@example.org" in listed
    identity = listed.splitlines()[-1].split()[0]
    assert "Nobody comes" in administrator("sso", "unbind", identity).out
    assert "is disabled" in administrator("sso", "disable", "cli-entra").out
    assert "was deleted" in administrator("sso", "delete", "cli-entra").out


def test_what_was_written_wrongly_is_said(administrator: Shell) -> None:
    for arguments in (("--set", "novalue"), ("--map", "=x"), ("--group", "novalue")):
        assert "has no '='" in administrator("sso", "create", "x", "--kind", "saml", *arguments, code=2).err
