"""Where each class of faults is tested, and that the threat model names tests that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: class of faults -> the tests that hold its rule: a file, and a class or function in it
HELD_BY: dict[str, tuple[str, ...]] = {
    "a cache outlives a revocation": (
        "tests/security/test_who_may_do_what.py::TestACacheOutlivesARevocation",
        "tests/custody/test_key_cache.py::test_what_one_node_revokes_the_other_refuses_at_once",
        "tests/identity/test_recognised.py",
    ),
    "plaintext is written back": (
        "tests/security/test_what_gets_in_and_out.py::TestPlaintextIsWrittenBack",
        "tests/integrity/test_plaintext.py::test_nothing_secret_is_left_by_any_operation",
    ),
    "a permission is asked of the wrong object": (
        "tests/security/test_who_may_do_what.py::TestAPermissionIsAskedOfTheWrongObject",
        "tests/security/test_every_door.py::test_custody",
        "tests/security/test_every_door.py::test_rest",
        "tests/security/test_every_door.py::test_console",
        "tests/security/test_every_door.py::test_command_line",
        "tests/security/test_who_is_shut_out.py",
        "tests/security/test_the_table_is_whole.py::test_every_public_operation_of_custody_has_a_way",
    ),
    "two looks at one state": (
        "tests/security/test_who_may_do_what.py::TestTwoLooksAtOneState",
        "tests/durability/test_races.py",
        "tests/integrity/test_between_reading_and_writing.py",
    ),
    "a door is open by default": (
        "tests/security/test_who_may_do_what.py::TestADoorIsOpenByDefault",
        "tests/api/test_every_route.py::test_every_route_but_the_open_ones_asks_for_a_token",
        "tests/identity/test_workloads.py::test_an_attack_is_refused_and_only_the_audit_log_says_why",
        "tests/identity/test_oidc.py::test_an_id_token_is_not_believed",
    ),
    "a path is read twice": ("tests/security/test_who_may_do_what.py::TestAPathIsReadTwice",),
    "a request describes its own sender": (
        "tests/security/test_who_may_do_what.py::TestARequestDescribesItsOwnSender",
        "tests/doors/test_addresses.py::TestDoors",
        "tests/mtls/test_rest.py::TestTurnedAway",
    ),
    "a lockout or a one-time code is stepped around": (
        "tests/security/test_who_may_do_what.py::TestALockoutIsSteppedAround",
        "tests/custody/test_factors.py",
        "tests/identity/test_sign_in.py",
    ),
    "the audit log tells a secret": (
        "tests/security/test_what_gets_in_and_out.py::TestTheAuditLogTellsASecret",
        "tests/identity/test_sign_in.py",
    ),
    "a ceremony is open to who is not in it": (
        "tests/security/test_who_may_do_what.py::TestACeremonyIsOpenToWhoIsNotInIt",
        "tests/custody/test_approvals.py",
        "tests/security/test_pending_approval.py",
        "tests/custody/test_set_up.py::test_a_wrong_token_is_refused_and_counted",
    ),
    "input has no bounds": (
        "tests/security/test_what_gets_in_and_out.py::TestInputHasNoBounds",
        "tests/api/test_limits.py",
        "tests/web/test_body_limit.py",
    ),
    "a certificate stands for another": (
        "tests/security/test_who_may_do_what.py::TestACertificateStandsForAnother",
        "tests/mtls/test_rest.py::TestTurnedAway",
    ),
    "a federated statement is parsed and then believed": (
        "tests/security/test_what_others_vouch_for.py::TestAFederatedStatementIsParsedAndThenBelieved",
        "tests/identity/test_saml_attacks.py::test_a_signature_does_not_vouch_for_something_beside_it",
        "tests/identity/test_saml_attacks.py::test_a_document_that_could_be_read_in_two_ways_is_not_read",
    ),
    "the server is led to ask": (
        "tests/security/test_what_gets_in_and_out.py::TestTheServerIsLedToAsk",
        "tests/clouds/azure/test_hosts.py::test_whatever_else_is_refused_before_anything_is_sent",
        "tests/identity/test_fetching.py::test_a_redirection_is_not_followed",
    ),
    "a log tells a secret": (
        "tests/security/test_what_gets_in_and_out.py::TestALogTellsASecret",
        "tests/integrity/test_plaintext.py::test_nothing_secret_is_left_by_any_operation",
    ),
    "a library leaks or breaks": ("tests/security/test_what_gets_in_and_out.py::TestALibraryLeaksOrBreaks",),
    "a row of rights is edited": (
        "tests/security/test_what_gets_in_and_out.py::TestARowOfRightsIsEdited",
        "tests/integrity/test_edited_rows.py::test_any_column_edited_is_refused",
        "tests/integrity/test_old_rows.py::test_an_old_row_put_back_is_refused",
    ),
    "a wrong secret is tried again": ("tests/security/test_what_gets_in_and_out.py::TestAWrongSecretIsTriedAgain",),
}

NAMED = re.compile(r"`(tests/[\w/]+\.py)`(?:, `(\w+)`)?|`((?:Test|test_)\w+)`")


def defined_in(file: Path) -> set[str]:
    """The tests and classes of tests in a file."""
    tree = ast.parse(file.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


@pytest.mark.parametrize("what", HELD_BY)
def test_the_tests_of_a_class_are_there(what: str) -> None:
    for test in HELD_BY[what]:
        path, _, name = test.partition("::")
        found = defined_in(ROOT / path)
        assert name in found if name else any(each.startswith("test_") for each in found), test


def test_every_test_that_the_threat_model_names_is_there() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()
    everywhere = {name for file in (ROOT / "tests").rglob("test_*.py") for name in defined_in(file)}
    named = list(NAMED.finditer(page))
    assert len(named) > 60
    for match in named:
        path, within, alone = match.groups()
        if path:
            assert (ROOT / path).is_file(), path
        if within:
            assert within in defined_in(ROOT / path) | everywhere, within
        if alone:
            assert alone in everywhere, alone


def test_every_class_of_faults_is_in_the_threat_model() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()
    assert [what for what in HELD_BY if f"| {what} |" not in page] == []
