"""What a live vault does on a bad day: each is told with what to do, is on record, and the push goes on afterwards."""

from typing import Any

import pytest
from tests.cli.terminal import Shell
from tests.cli.test_azure_push import only_deployment, push
from tests.cli.vaults import Vault

from keyferry.emulator.faults import Kind


def finishes(shell: Shell, name: str, vault: Vault, *more: object) -> Any:
    done = push(shell, name, vault, *more, "--json").json
    assert (done["step"], done["problem"]) == ("proved", None)
    assert len(vault.versions(name)) == 1
    return done


@pytest.mark.parametrize(
    ("kind", "operation", "code", "step", "advice"),
    [
        (Kind.FORBIDDEN, "import", "azure-forbidden", "imported", "Key Vault Crypto Officer"),
        (Kind.FORBIDDEN, "create", "azure-forbidden", "kek-ready", "Key Vault Crypto Officer"),
        (Kind.FORBIDDEN, "get", "azure-forbidden", "kek-ready", "Key Vault Reader"),
        (Kind.KEK_DISABLED, "import", "kek-disabled", "imported", "--enabled true"),
        (Kind.SOFT_DELETED, "import", "azure-name-deleted", "imported", "recover"),
        (Kind.SOFT_DELETED, "create", "azure-name-deleted", "kek-ready", "recover"),
    ],
)
def test_a_refusal_is_on_record_and_the_next_run_goes_on(
    engineer: Shell, vault: Vault, key: Any, name: str, kind: Kind, operation: str, code: str, step: str, advice: str
) -> None:
    kek = ("--kek-name", f"kek-of-{name}")
    with vault.fault(kind, operation):
        what, told = push(engineer, name, vault, *kek, code=1).last_refusal
    assert what.startswith(f"error ({code})")
    assert advice in told
    problem = only_deployment(engineer, name)["problem"]
    assert (problem["code"], problem["step"]) == (code, step)
    finishes(engineer, name, vault, *kek)


class TestThrottling:
    @pytest.mark.parametrize("operation", ["import", "create"])
    def test_a_push_waits_as_long_as_it_is_asked_to(
        self, engineer: Shell, vault: Vault, key: Any, name: str, operation: str
    ) -> None:
        with vault.fault(Kind.THROTTLE, operation, times=2, retry_after=1):
            said = push(engineer, name, vault, "--kek-name", f"kek-of-{name}")
        assert said.err.count("  waiting    1 s: ") == 2
        assert len(vault.versions(name)) == 1

    def test_it_does_not_wait_for_ever(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        with vault.fault(Kind.THROTTLE, "import", retry_after=3600):
            what, advice = push(engineer, name, vault, code=1).last_refusal
        assert what.startswith("error (azure-throttled)")
        assert "3600 seconds" in advice
        assert only_deployment(engineer, name)["problem"]["code"] == "azure-throttled"
        finishes(engineer, name, vault)


class TestLostAnswers:
    def test_an_import_whose_answer_was_lost_is_looked_for(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        with vault.fault(Kind.DROP_AFTER_COMMIT, "import"):
            done = finishes(engineer, name, vault)
        assert done["evidence"]["imported"]["adopted"] is False  # this run brought it there

    def test_a_kek_whose_answer_was_lost_is_found_by_the_next_run(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        kek = f"kek-of-{name}"
        with vault.fault(Kind.DROP_AFTER_COMMIT, "create"):
            what, advice = push(engineer, name, vault, "--kek-name", kek, code=1).last_refusal
        assert what.startswith("error (azure-answer-lost)")
        assert advice
        done = finishes(engineer, name, vault, "--kek-name", kek)
        assert done["evidence"]["kek-ready"]["made"] is False
        assert len(vault.versions(kek)) == 1


class TestUnavailable:
    def test_a_vault_that_is_down_for_long_is_told(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        with vault.fault(Kind.UNAVAILABLE, "import"):
            what, advice = push(engineer, name, vault, code=1).last_refusal
        assert what.startswith("error (azure-unavailable)")
        assert "try again" in advice
        assert only_deployment(engineer, name)["problem"]["step"] == "imported"
        finishes(engineer, name, vault)

    def test_a_hiccup_while_reading_is_nothing(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        with vault.fault(Kind.UNAVAILABLE, "get", retry_after=0):
            finishes(engineer, name, vault)


class TestProofs:
    def test_a_sign_in_that_may_not_use_the_key_leaves_the_proof_to_another(
        self, engineer: Shell, vault: Vault, key: Any, name: str
    ) -> None:
        with vault.fault(Kind.FORBIDDEN, "unwrapkey"), vault.fault(Kind.FORBIDDEN, "decrypt"):
            push(engineer, name, vault, "--operations", "wrapKey,unwrapKey", code=1)
        stopped = only_deployment(engineer, name)
        assert (stopped["step"], stopped["problem"]["code"]) == ("read-back", "azure-forbidden")
        assert "--public-key-proof" in stopped["problem"]["advice"]
        assert finishes(engineer, name, vault)["evidence"]["proved"]["how"] == "unwrapKey"

    def test_or_to_the_public_key(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        with vault.fault(Kind.FORBIDDEN, "unwrapkey"):
            push(engineer, name, vault, "--operations", "wrapKey,unwrapKey", code=1)
        done = finishes(engineer, name, vault, "--public-key-proof")
        assert done["evidence"]["proved"]["how"] == "public key only"

    def test_what_is_forbidden_is_done_otherwise(self, engineer: Shell, vault: Vault, key: Any, name: str) -> None:
        with vault.fault(Kind.FORBIDDEN, "unwrapkey"):
            done = finishes(engineer, name, vault)
        proved = done["evidence"]["proved"]
        assert (proved["how"], proved["why_not"]) == ("decrypt", {"unwrapKey": "the sign-in may not"})
