"""What the management plane knows is kept over a restart, and what an emulator starts with is made once."""

import uuid
from pathlib import Path

from tests.emulator.calling import operator_of, stranger_of, vault_body

from keyferry.emulator.server import running


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "home") as before, operator_of(before) as operator, stranger_of(before) as stranger:
        group = f"/subscriptions/{before.subscriptions[0]}/resourceGroups/kept"
        operator.send("PUT", group, {"location": "westeurope", "tags": {"a": "b"}})
        vault = operator.send("PUT", f"{group}/providers/Microsoft.KeyVault/vaults/kept", vault_body(before)).json()
        gone = operator.send("PUT", f"{group}/providers/Microsoft.KeyVault/vaults/gone", vault_body(before)).json()
        operator.send("DELETE", gone["id"])
        assignment = f"{vault['id']}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        role = "12338af0-0e69-4776-bea7-57ae8d297424"
        body = {"properties": {"principalId": stranger.principal.object_id, "roleDefinitionId": role}}
        operator.send("PUT", assignment, body)
        deleted = f"/subscriptions/{before.subscriptions[0]}/providers/Microsoft.KeyVault/deletedVaults"
        asked = ("/subscriptions", group, assignment, deleted)
        answers = [operator.send("GET", path).json() for path in asked]

    with running(tmp_path / "home") as after, operator_of(after) as operator:
        assert after.subscriptions == before.subscriptions
        assert [each.name for each in after.vaults] == ["keyferry-vault-a", "keyferry-vault-b", "kept"]
        assert [operator.send("GET", path).json() for path in asked] == answers
        assert operator.send("GET", vault["id"]).json()["tags"] == vault["tags"]
