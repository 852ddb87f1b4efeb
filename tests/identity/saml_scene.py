"""Where answers of a SAML provider are presented: a real installation, without a browser in between."""

import base64
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from lxml import etree
from tests.custody.vouching import idp, own_key
from tests.identity.saml_idp import Answer, assertion_of, signed

from keyferry.custody.provider_writing import NewProvider, ProviderEdit
from keyferry.errors import NotAuthenticated
from keyferry.identity.flows import Flow
from keyferry.identity.opening import SignedIn, Unfinished
from keyferry.identity.provider_sign_in import Trial
from keyferry.identity.saml.addresses import ServiceProvider
from keyferry.testing import ADDRESS, Kit

PUBLIC_URL = "https://keys.example.org"


def as_document(response: Any) -> bytes:
    return bytes(etree.tostring(response))


def parsed(document: bytes) -> Any:
    return etree.fromstring(document)


@dataclass
class SamlScene:
    """A provider that makes accounts for whoever comes."""

    kit: Kit
    name: str = "entra"

    @classmethod
    def of(cls, kit: Kit, name: str = "entra", **configuration: Any) -> "SamlScene":
        new = NewProvider(
            name=name,
            kind="saml",
            configuration=idp().configuration(**configuration),
            credential=own_key(),
            mapping={"user_name": "mail"},
            just_in_time=True,
            clock_skew=60,
        )
        kit.custody.providers.create(kit.administrator, new)
        kit.custody.providers.enable(kit.administrator, name, untested=True)
        return cls(kit, name)

    @property
    def sp(self) -> ServiceProvider:
        return ServiceProvider(PUBLIC_URL, self.name)

    def configure(self, **configuration: Any) -> None:
        edit = ProviderEdit(configuration=configuration, untested=True)
        self.kit.custody.providers.edit(self.kit.administrator, self.name, edit)

    def flow(self) -> Flow:
        """A browser has been sent to the provider."""
        return self.kit.installation.single_sign_on.begin(self.name).flow

    def answer(self, flow: Flow | None, **different: Any) -> Answer:
        """What the provider would answer, right but for what is different."""
        right = Answer(
            acs_url=self.sp.acs_url,
            audience=self.sp.entity_id,
            request_id=None if flow is None else flow.kept["request_id"],
        )
        return replace(right, **different)

    def good(self, flow: Flow | None, **different: Any) -> bytes:
        """An answer whose assertion is signed, and the whole too."""
        response = self.answer(flow, **different).xml()
        signed(assertion_of(response), idp())
        return as_document(signed(response, idp()))

    def present(self, document: bytes, flow: Flow | None, *, kit: Kit | None = None) -> SignedIn:
        """As a browser does that has come back with it; a session comes of it."""
        result = self.bring(document, flow, kit=kit)
        assert isinstance(result, SignedIn)
        return result

    def bring(self, document: bytes, flow: Flow | None, *, kit: Kit | None = None) -> SignedIn | Unfinished | Trial:
        """What comes of it, whatever it is."""
        single_sign_on = (kit or self.kit).installation.single_sign_on
        response = base64.b64encode(document).decode()
        came = single_sign_on.receive(
            self.name,
            None if flow is None else single_sign_on.flows.seal(flow),
            ADDRESS,
            lambda provider, known: single_sign_on.saml.receive(provider, response, known),
        )
        return came.result

    def refused(self, document: bytes, flow: Flow | None, *, kit: Kit | None = None) -> str:
        """What the audit log says of the refusal, which says nothing to whoever presented it."""
        at = kit or self.kit
        with pytest.raises(NotAuthenticated) as caught:
            self.present(document, flow, kit=at)
        assert caught.value.code == "sign-in-refused"
        assert caught.value.detail == "The sign-in was refused."
        at.installation.custody.gate.write_refusals()
        store, sql = at.installation.store, "SELECT details, code FROM audit_events ORDER BY id DESC LIMIT 1"
        with store.engine.connect() as connection:
            details, code = connection.exec_driver_sql(sql).one()
        assert code == "sign-in-refused"
        said = str(json.loads(details)["detail"])
        assert said.startswith(f"{self.name}: ")
        return said.removeprefix(f"{self.name}: ")
