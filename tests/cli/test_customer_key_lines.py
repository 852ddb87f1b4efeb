"""How a check is shown, and whom a stand-in may be."""

import io
import sys

import pytest
from tests.customer_key import pairs
from tests.customer_key.pairs import HIDDEN, MULTI_WORKLOAD, lines, member, pair, vault

from keyferry.cli.azure_sign_in import SignIn
from keyferry.cli.customer_key_lines import document, show_lines, summary
from keyferry.cli.customer_key_records import backup_of
from keyferry.cli.customer_key_stand_in import StandIn, _read
from keyferry.cli.output import Output
from keyferry.customer_key.pair import Backup, Pair, Unread
from keyferry.errors import CloudFailed, InvalidInput


def shown(facts: Pair, capsys: pytest.CaptureFixture[str]) -> str:
    show_lines(Output(as_json=False), facts, MULTI_WORKLOAD, lines(facts))
    return capsys.readouterr().out


def test_each_line_has_a_mark_and_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    facts = pair(second=member(1, vault=vault(1, purge_protection=False)), paired_regions=HIDDEN)
    out = shown(facts, capsys)
    assert "  ✓ passes          Purge protection is on.\n" in out
    assert "  ✗ fails           Purge protection is on.\n" in out
    assert "  ? cannot be seen  The vaults are in two regions that Azure does not pair. (recommended)\n" in out
    assert f"run: az keyvault update --name {pairs.VAULTS[1]}" in out
    assert "see: https://learn.microsoft.com/purview/customer-key-set-up" in out
    assert f"key 2: https://{pairs.VAULTS[1]}.vault.azure.net/keys/customer-key/{pairs.VERSION}" in out


def test_a_terminal_that_knows_no_such_marks_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    show_lines(Output(as_json=False), pair(), MULTI_WORKLOAD, lines())
    stream.flush()
    assert b"  + passes          Purge protection is on.\n" in stream.buffer.getvalue()


def test_the_verdict_is_said_in_words() -> None:
    assert summary(lines()).startswith("Ready: all ")
    hidden = summary(lines(pair(second=member(1, backup=HIDDEN))))
    assert hidden.startswith("Nothing required fails, but 1 of ")
    failed = summary(lines(pair(second=member(1, vault=vault(1, sku="standard"), backup=HIDDEN))))
    assert failed.startswith("Not ready: 1 of ")
    assert "1 could not be seen" in failed
    advised = summary(lines(pair(second=member(1, vault=vault(1, location=pairs.LOCATIONS[0])))))
    assert advised.startswith("Ready")
    assert advised.endswith("1 recommended line is to be looked at.")


def test_json_holds_the_verdict_the_keys_and_every_line() -> None:
    found = document(pair(), MULTI_WORKLOAD, lines())
    assert found["verdict"] == "ready"
    assert [each["subscription_id"] for each in found["keys"]] == list(pairs.SUBSCRIPTIONS)
    assert len(found["lines"]) == len(lines()) == sum(found["counts"].values())


class TestStandIn:
    @pytest.mark.parametrize(
        "url",
        [
            "https://onboarding.contoso.example",
            "http://localhost:8443",
            "https://localhost:8443/path",
            "https://localhost:8443?x=1",
            "https://user@localhost:8443",
            "https://management.azure.com.evil.example",
            "https://management.azure.com:8443",
            "localhost:8443",
            "",
        ],
    )
    def test_a_token_goes_nowhere_else(self, url: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            StandIn(SignIn("public", None, None), url)
        assert refused.value.code == "stand-in-refused"
        assert refused.value.field == "stand_in"

    @pytest.mark.parametrize(
        "url", ["https://localhost:8443", "https://127.0.0.1:8443/", "https://management.azure.com"]
    )
    def test_this_machine_and_the_management_plane_may_be_asked(self, url: str) -> None:
        with StandIn(SignIn("public", None, None), url) as stand_in:
            assert stand_in.url == url.rstrip("/")

    def test_an_answer_is_read_whatever_its_validations_look_like(self) -> None:
        found = _read(
            {
                "ID": "1",
                "ValidationResult": "Success",
                "EnablementResult": None,
                "PassedValidations": ["KeyEnabled"],
                "FailedValidations": [{"Validation": "KeyExpiry", "Detail": "expires\nsoon"}, 7],
            }
        )
        assert (found.validated, found.enabled) == (True, False)
        assert (found.passed, found.failed) == (("KeyEnabled",), ("KeyExpiry; expires soon", "7"))

    @pytest.mark.parametrize("answer", [None, [], {}, {"ID": 7}])
    def test_what_is_no_answer_is_refused(self, answer: object) -> None:
        with pytest.raises(CloudFailed) as refused:
            _read(answer)
        assert refused.value.code == "azure-answer-refused"


class TestBackups:
    def test_a_record_is_read(self) -> None:
        kept = {"sha256": "ab" * 32, "bytes": 5000, "taken_at": "2030-01-31T12:00:00.5Z"}
        assert backup_of({"backup": kept}) == Backup(taken_at=1896091200, sha256="ab" * 32, size=5000)

    def test_none_and_one_that_is_not_understood_are_told_apart(self) -> None:
        none, strange = backup_of({"backup": None}), backup_of({"backup": {"taken_at": "soon"}})
        assert isinstance(none, Unread)
        assert isinstance(strange, Unread)
        assert (none.absent, strange.absent) == (True, False)
