"""The server's policy, as requests and answers."""

import json
from typing import Annotated

from pydantic import Field

from keyferry.api.models.users import Networks
from keyferry.api.models.values import Answer, Flag, Request, left_out
from keyferry.custody.policy import Role
from keyferry.custody.server_policy import ServerPolicyEdit
from keyferry.store.records import ServerPolicy


class ServerPolicyChange(Request):
    """What to change (RFC 7396): what is left out stays. `networks` null admits every address."""

    second_factor_roles: Annotated[tuple[Role, ...], Field(max_length=8)] = left_out()
    networks: Networks | None = None
    even_if_locked_out: Flag = False

    def edit(self) -> ServerPolicyEdit:
        """As custody takes it."""
        return ServerPolicyEdit(
            second_factor_roles=self.second_factor_roles,
            networks=self.networks,
            enforce_networks=False if "networks" in self.model_fields_set and self.networks is None else None,
            even_if_locked_out=self.even_if_locked_out,
        )


class ServerPolicyAnswer(Answer):
    """Who may come in: from where, and in which roles only with a second factor."""

    second_factor_roles: list[Role]
    networks: list[str] | None
    revision: int

    @classmethod
    def of(cls, policy: ServerPolicy) -> "ServerPolicyAnswer":
        """From custody's record."""
        return cls(
            second_factor_roles=[Role(each) for each in json.loads(policy.second_factor_roles)],
            networks=None if policy.networks is None else json.loads(policy.networks),
            revision=policy.revision,
        )
