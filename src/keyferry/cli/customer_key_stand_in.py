"""The stand-in for Microsoft's onboarding service, which an emulator serves.

It is spoken to with a token of the management plane's, as everything else of the emulator's. Such a token opens real
subscriptions to whoever has it, so that it goes to two places only: this machine, and the cloud's own management plane
(which a proxy may have put an emulator in the place of).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from keyferry.cli.azure_sign_in import SignIn
from keyferry.cli.connection import is_loopback
from keyferry.cli.failures import one_line
from keyferry.clouds.azure.failures import understood
from keyferry.clouds.azure.hosts import AllowedHosts, HostPattern, Origin, read_origin
from keyferry.clouds.azure.request import Request
from keyferry.clouds.azure.session import AzureSession
from keyferry.customer_key.onboarding import STAND_IN_PATH
from keyferry.errors import CloudFailed, InvalidInput

SUCCESS: Final = "Success"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the onboarding service answers.

    Attributes:
        id: what it calls the request.
        validated, enabled: whether `ValidationResult` and `EnablementResult` are `Success`.
        passed, failed: the validations, a line of text each.
    """

    id: str
    validated: bool
    enabled: bool
    passed: tuple[str, ...]
    failed: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As it is kept with the request."""
        return {
            "id": self.id,
            "validated": self.validated,
            "enabled": self.enabled,
            "passed": list(self.passed),
            "failed": list(self.failed),
        }


class StandIn:
    """An emulator's onboarding service. Use it in a `with` statement.

    Raises:
        InvalidInput: the address is not this machine's, nor the management plane's.
    """

    def __init__(self, sign_in: SignIn, url: str) -> None:
        self._cloud = sign_in.cloud
        self._origin = _judged(url, self._cloud.resource_manager)
        own = sign_in.session()
        pattern = HostPattern(self._origin.host, below=False, port=self._origin.port)
        allowed = AllowedHosts((*own.outgoing.allowed.further, pattern))
        self._session = AzureSession(own.cloud, own.credential, replace(own.outgoing, allowed=allowed))

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self._origin.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """Send a request; it is answered at once.

        Raises:
            KeyferryError: it cannot be reached, refuses, or answers something else.
        """
        from azure.core import PipelineClient
        from azure.core.exceptions import HttpResponseError
        from azure.core.pipeline.policies import BearerTokenCredentialPolicy, UserAgentPolicy
        from azure.core.rest import HttpRequest

        credential: Any = self._session.credential
        options = self._session.options(self.url)
        policies = [
            UserAgentPolicy(options["user_agent"]),
            options["retry_policy"],
            BearerTokenCredentialPolicy(credential, self._cloud.management_scope),
        ]
        with understood(Request(place=str(self._origin), what="take the onboarding request", changes=True)):
            client: Any = PipelineClient(self.url, policies=policies, transport=options["transport"])
            response = client.send_request(
                HttpRequest("POST", self.url + STAND_IN_PATH, json=dict(body)), retry_total=0
            )
            if response.status_code >= 400:
                raise HttpResponseError(response=response)
            return _read(response.json())


def _judged(url: str, resource_manager: str) -> Origin:
    origin = read_origin(url)
    if origin is None or url.lower().rstrip("/") != origin.url:
        raise _refused("The stand-in's address is not of the form https://HOST[:PORT].")
    if not is_loopback(origin.host) and origin != read_origin(resource_manager):
        raise _refused(f"{origin} is neither this machine nor the cloud's management plane.")
    return origin


def _refused(detail: str) -> InvalidInput:
    advice = (
        "Give the address that `keyferry emulator serve` prints; the real service is asked by a person, see `write`."
    )
    return InvalidInput(detail, code="stand-in-refused", field="stand_in", advice=advice)


def _read(found: object) -> Answer:
    if not isinstance(found, dict) or not isinstance(found.get("ID"), str):
        raise CloudFailed(
            "The stand-in answered with something other than an onboarding request.",
            code="azure-answer-refused",
            field="stand_in",
            advice="Check that this is the address of an emulator of this version.",
        )
    return Answer(
        id=one_line(found["ID"])[:200],
        validated=found.get("ValidationResult") == SUCCESS,
        enabled=found.get("EnablementResult") == SUCCESS,
        passed=_texts(found.get("PassedValidations")),
        failed=_texts(found.get("FailedValidations")),
    )


def _texts(items: object) -> tuple[str, ...]:
    listed = items if isinstance(items, list) else []
    return tuple(one_line(_text(each))[:500] for each in listed[:100])


def _text(item: object) -> str:
    """One validation, as a line: its parts, if it has any, in their order."""
    if isinstance(item, dict):
        return "; ".join(str(part) for part in item.values())
    return item if isinstance(item, str) else json.dumps(item)
