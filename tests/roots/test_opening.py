"""From a URI to a root."""

from pathlib import Path

import pytest

from keyferry.errors import CannotStart, InvalidInput
from keyferry.material.secret import Secret
from keyferry.roots import PassphraseSource, create_root, open_root

WORDS = "copper lantern ferry moss quartz"


@pytest.mark.parametrize("form", ["file:{}/a.key", "file://{}/a.key"])
def test_an_absolute_path_is_taken_in_both_forms(tmp_path: Path, form: str) -> None:
    uri = form.format(tmp_path)
    made = create_root(uri, Path("/nowhere"))
    assert (tmp_path / "a.key").exists()
    assert (made.uri, open_root(uri, Path("/nowhere")).fingerprint) == (uri, made.fingerprint)


def test_a_relative_path_is_relative_to_the_home(tmp_path: Path) -> None:
    create_root("file:50%.key", tmp_path)
    assert (tmp_path / "50%.key").exists()


def test_a_passphrase_root_is_made_and_opened_at_the_default_cost(tmp_path: Path) -> None:
    source = PassphraseSource(prompt=lambda _: WORDS)
    wrapped = create_root("passphrase:root.json", tmp_path, source).wrap(Secret(b"a data key"), b"")
    assert open_root("passphrase:root.json", tmp_path, source).unwrap(wrapped, b"").reveal() == b"a data key"


def test_a_weak_passphrase_makes_no_root(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        create_root("passphrase:root.json", tmp_path, PassphraseSource(prompt=lambda _: "password"))
    assert list(tmp_path.iterdir()) == []


def test_a_root_of_one_kind_is_not_opened_as_another(tmp_path: Path) -> None:
    create_root("file:root.key", tmp_path)
    with pytest.raises(CannotStart, match="no whole root key under a passphrase"):
        open_root("passphrase:root.key", tmp_path, PassphraseSource(prompt=lambda _: WORDS))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", "no known kind"),
        ("root.key", "no known kind"),
        ("vault:root", "no known kind"),
        ("FILE:root.key", "no known kind"),
        ("file:", "no path"),
        ("file:a\nb", "no path"),
        ("file://host/root.key", "names a host"),
        ("passphrase:", "no path"),
    ],
)
def test_a_uri_that_will_not_do_is_refused_with_the_known_schemes(tmp_path: Path, uri: str, message: str) -> None:
    for make_or_open in (create_root, open_root):
        with pytest.raises(CannotStart, match=message) as refused:
            make_or_open(uri, tmp_path)
        assert (refused.value.code, refused.value.field) == ("setting-refused", "root")
        assert ":PATH" in refused.value.advice
