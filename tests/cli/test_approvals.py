"""Approvals at the command line: a policy is set, an export waits for it, two people meet."""

from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import RunningServer, Shell
from tests.custody.approval import request_id_in

from keyferry.testing import Kek


@pytest.fixture(scope="module")
def lee(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Somebody in no group, who is to approve."""
    admin, lee = (Shell(tmp_path_factory.mktemp(name)) for name in ("admin", "lee"))
    admin.sign_in(server, "first-admin")
    admin("user", "create", "lee", "--role", "key-access-user", "--password-file", admin.secret("lee.new"))
    lee.sign_in(server, "lee")
    return lee


@pytest.fixture
def covered(kim: Shell, lee: Shell) -> Any:
    """A key of kim's group that leaves, and whose policy changes, with lee's approval alone."""
    made = kim("key", "create", "--type", "ec-p256", "--json").json
    said = kim(
        *("key", "edit", made["id"], "--require-approval", "export,policy-change", "--approver", "lee"),
        *("--approvals-needed", "1", "--approval-lifetime", "2h"),
    )
    assert "Needs approval: export, policy-change" in " ".join(said.out.split())
    assert "1 of lee, within 2 h" in said.out
    assert "warning: A key can be given to another owner" in said.err
    return made


@pytest.fixture
def export(covered: Any, kim: Shell, kek: Kek) -> tuple[object, ...]:
    public_key = kim.directory / "kek.pem"
    public_key.write_bytes(kek.public_pem)
    return (
        *("key", "export", covered["id"], "--to", "azure", "--public-key", public_key),
        *("--key-identifier", kek.identifier, "--output", kim.directory / "tenant.byok"),
    )


def test_a_refused_export_tells_the_next_step_and_goes_through_once_it_is_approved(
    kim: Shell, lee: Shell, covered: Any, export: tuple[object, ...], kek: Kek
) -> None:
    what, advice = kim(*export, code=1).refusal
    assert what.startswith("error (approval-required)")
    assert "lee" in advice
    request = request_id_in(advice)
    assert not (kim.directory / "tenant.byok").exists()

    listed = lee("approval", "list").out
    assert request in listed
    assert "key.export" in listed
    shown = lee("approval", "show", request).out
    assert kek.identifier.lower() in shown
    assert covered["id"] in shown
    approved = lee("approval", "approve", request, "--note", "as agreed").out
    assert approved.startswith(f"You have approved request {request}.")
    assert "kim can do it now, once." in approved
    assert lee("approval", "list").out == "Nothing waits for your approval.\n"

    kim(*export)
    assert Path(kim.directory / "tenant.byok").exists()
    assert kim("approval", "show", request, "--json").json["state"] == "used"


def test_a_request_is_rejected_and_another_withdrawn(kim: Shell, lee: Shell, export: tuple[object, ...]) -> None:
    first = request_id_in(kim(*export, code=1).refusal[1])
    assert "lee: reject (no)" in lee("approval", "reject", first, "--note", "no").out
    second = request_id_in(kim(*export, code=1).refusal[1])
    assert second != first
    assert kim("approval", "withdraw", second).out.startswith(f"Request {second} was withdrawn.")
    assert kim("approval", "approve", second, code=1).refusal[0].startswith("error (not-permitted)")
    states = [
        each["state"] for each in kim("approval", "list", "--which", "mine", "--limit", "2", "--json").json["items"]
    ]
    assert states == ["withdrawn", "rejected"]


def test_a_policy_is_taken_away_with_approval_alone(kim: Shell, lee: Shell, covered: Any) -> None:
    edit = ("key", "edit", covered["id"], "--no-approvals")
    request = request_id_in(kim(*edit, code=1).refusal[1])
    assert "approvals after: none" in " ".join(lee("approval", "show", request).out.split())
    lee("approval", "approve", request)
    assert "Needs approval" not in kim(*edit).out


def test_the_administrator_covers_a_group(administrator: Shell, lee: Shell, server: RunningServer) -> None:
    administrator("group", "create", "covered")
    administrator("server-policy", "edit", "--second-factor-for", "auditor")
    policy = ("--require-approval", "all", "--approver", "lee", "--approver", "first-admin", "--approvals-needed", "2")
    said = administrator("group", "edit", "covered", *policy)
    assert "2 of first-admin, lee, within 3 d" in said.out
    assert "name one more" in said.err
    assert "kek-registration" in administrator("group", "show", "covered").out
    assert administrator("group", "show", "covered", "--json").json["needs_approvals"] is True
    what, advice = administrator("group", "edit", "covered", "--kek-policy", "any", code=1).refusal
    assert what.startswith("error (approval-required)")
    assert "1 of those whom it names can approve" in advice
    assert "server-policy" in administrator("group", "show", "covered").out
    assert (
        administrator("server-policy", "edit", "--no-second-factor", code=1)
        .refusal[0]
        .startswith(
            "error (approval-required): This needs the approval of others: group covered asks for it (server-policy)."
        )
    )
    # It covers what all that use this server do: whoever runs it takes the policy off again.
    Shell(administrator.directory)("approval", "lift", "--home", server.home, "--group", "covered")
    assert administrator("group", "show", "covered", "--json").json["needs_approvals"] is False
    administrator("server-policy", "edit", "--no-second-factor")


@pytest.mark.parametrize(
    "options",
    [
        ("--require-approval", "export"),
        ("--approver", "lee"),
        ("--no-approvals", "--approver", "lee"),
        ("--require-approval", "use", "--approver", "lee"),
    ],
)
def test_half_a_policy_is_wrong_usage(administrator: Shell, options: tuple[str, ...]) -> None:
    assert administrator("group", "edit", "covered", *options, code=2).refusal[0].startswith("error (wrong-usage)")


def test_an_approver_who_is_nobody_is_refused_by_the_option(administrator: Shell) -> None:
    administrator("group", "create", "uncovered")
    options = ("--require-approval", "export", "--approver", "nobody")
    assert "in --approver:" in administrator("group", "edit", "uncovered", *options, code=1).refusal[0]
