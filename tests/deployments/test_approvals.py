"""A push into a vault is an export: it waits for approvals, and goes on once it has them."""

import pytest

from keyferry.clouds.azure.outgoing import Outgoing
from keyferry.custody.accounts import NewUser
from keyferry.custody.approval_policy import ApprovalWish
from keyferry.custody.caller import Caller
from keyferry.custody.deployment_steps import Step
from keyferry.custody.groups import GroupEdit
from keyferry.custody.opening import IssuedToken
from keyferry.custody.policy import Role
from keyferry.deployments.server_push import Pushes
from keyferry.errors import ApprovalRequired
from keyferry.testing import ADDRESS, Kit


def test_a_push_by_the_server_waits_for_its_approval(kit: Kit, kim: Caller, outgoing: Outgoing, planned: str) -> None:
    made = kit.custody.users.create(kit.administrator, NewUser(name="lee", role=Role.KEY_ACCESS_USER)).user
    session = kit.custody.tokens.open_session(Caller(made.id, None, ADDRESS), epoch=made.token_epoch)
    assert isinstance(session, IssuedToken)
    lee = Caller(made.id, session.token.id, ADDRESS)
    edit = GroupEdit(approvals=ApprovalWish(("export",), 1, ("lee",)))
    kit.custody.groups.edit(kit.administrator, "payments", edit)
    pushes = Pushes(kit.custody, outgoing)

    with pytest.raises(ApprovalRequired) as refusal:
        pushes.run(kim, planned)
    stopped = kit.custody.deployments.show(kim, planned)
    assert stopped.step is Step.KEK_READY
    assert "approval-required" in (stopped.deployment.problem or "")
    request = kit.custody.approvals.approve(lee, refusal.value.approval_request or "")
    assert request.facts["kek_sha256"] == stopped.evidence[Step.KEK_READY]["spki_sha256"]
    assert request.facts["key_identifier"] == stopped.deployment.kek_identifier

    assert pushes.run(kim, planned).step is Step.PROVED
    assert kit.custody.approvals.show(kim, request.request.id).state == "used"
