"""A good answer, changed in every way that hypothesis thinks of: none is believed that says something else.

And the same documents before another implementation, python3-saml: what it refuses of the attacks, we refuse, and what
is good to it is good to us.
"""

import base64
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from tests.custody.vouching import idp
from tests.identity.saml_idp import ENTITY_ID, SSO_URL, assertion_of, in_base64, signed
from tests.identity.saml_scene import PUBLIC_URL, SamlScene, as_document, parsed
from tests.identity.test_saml_attacks import WRAPPINGS

from keyferry.custody.arrival import Arrival
from keyferry.errors import InvalidInput
from keyferry.identity.flows import Flow
from keyferry.testing import Kit

Element = Any


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlScene]:
    kit = Kit.make(Path(tmp_path_factory.mktemp("saml")) / "home", public_url=PUBLIC_URL)
    yield SamlScene.of(kit)
    kit.close()


class Judge:
    """What is said of documents about one flow, which is never used up."""

    def __init__(self, scene: SamlScene, *, sign_response: bool) -> None:
        self._dialogue = scene.kit.installation.single_sign_on.saml
        self._provider = scene.kit.installation.single_sign_on.provider(scene.name)
        self.flow: Flow = scene.flow()
        response = scene.answer(self.flow, attributes={"mail": ("ann@example.org",), "groups": ("a", "b")}).xml()
        signed(assertion_of(response), idp())
        self.good = as_document(signed(response, idp()) if sign_response else response)
        self.meaning = self._meaning(self._arrival(self.good))

    def requires_refused_or_the_same(self, document: bytes) -> None:
        try:
            arrival = self._arrival(document)
        except InvalidInput:
            return
        assert self._meaning(arrival) == self.meaning

    def _arrival(self, document: bytes) -> Arrival:
        return self._dialogue.receive(self._provider, base64.b64encode(document).decode(), self.flow)

    @staticmethod
    def _meaning(arrival: Arrival) -> object:
        attributes = {name: list(values) for name, values in arrival.attributes.items()}
        return (arrival.subject, attributes, arrival.session, arrival.presented, arrival.second_factor)


@pytest.fixture(scope="module", params=[True, False], ids=["both signed", "assertion signed"])
def judge(request: pytest.FixtureRequest, scene: SamlScene) -> Judge:
    return Judge(scene, sign_response=request.param)


TEXTS = st.sampled_from(["", " ", "x", "s-2", "2030-01-01T00:00:00Z", "_evil", "true", ENTITY_ID, "bob@example.org"])


@settings(max_examples=80)
@given(data=st.data())
def test_elements_that_are_changed_moved_doubled_or_left_out(judge: Judge, data: st.DataObject) -> None:
    root = parsed(judge.good)
    for _ in range(data.draw(st.integers(1, 3))):
        elements = [each for each in root.iter("*") if each is not root]
        if not elements:
            break
        one, other = (data.draw(st.sampled_from(elements)) for _ in range(2))
        change = data.draw(st.sampled_from(["text", "tail", "attribute", "rename", "remove", "double", "move", "wrap"]))
        if change == "text":
            one.text = data.draw(TEXTS)
        elif change == "tail":
            one.tail = data.draw(TEXTS)
        elif change == "attribute":
            names = [*one.attrib, "ID", "Extra"]
            one.set(data.draw(st.sampled_from(names)), data.draw(TEXTS))
        elif change == "rename":
            one.tag = other.tag
        elif change == "remove":
            one.getparent().remove(one)
        elif change == "double":
            one.getparent().insert(data.draw(st.integers(0, 3)), copy.deepcopy(one))
        elif change == "move" and one not in other.iterancestors() and one is not other:
            other.append(one)
        elif change == "wrap" and one is not other:
            one.append(copy.deepcopy(other))
    judge.requires_refused_or_the_same(as_document(root))


@settings(max_examples=80)
@given(place=st.integers(0, 1_000_000), new=st.binary(max_size=4), length=st.integers(0, 4))
def test_bytes_that_are_changed(judge: Judge, place: int, new: bytes, length: int) -> None:
    at = place % len(judge.good)
    judge.requires_refused_or_the_same(judge.good[:at] + new + judge.good[at + length :])


@settings(max_examples=50)
@given(document=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_what_is_no_answer_at_all(judge: Judge, document: bytes) -> None:
    judge.requires_refused_or_the_same(document)


def oracle(scene: SamlScene) -> OneLogin_Saml2_Settings:
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": scene.sp.entity_id,
                "assertionConsumerService": {"url": scene.sp.acs_url},
            },
            "idp": {
                "entityId": ENTITY_ID,
                "singleSignOnService": {"url": SSO_URL},
                "x509cert": in_base64(idp().certificate),
            },
            "security": {"wantAssertionsSigned": False, "wantNameId": True, "rejectDeprecatedAlgorithm": True},
        }
    )


def is_believed_elsewhere(scene: SamlScene, document: bytes, flow: Flow) -> bool:
    response = OneLogin_Saml2_Response(oracle(scene), base64.b64encode(document).decode())
    host = PUBLIC_URL.removeprefix("https://")
    path = scene.sp.acs_url.removeprefix(PUBLIC_URL)
    request = {"https": "on", "http_host": host, "script_name": path}
    return bool(response.is_valid(request, flow.kept["request_id"]))


def test_another_implementation_believes_the_good_answer_too(scene: SamlScene) -> None:
    flow = scene.flow()
    document = scene.good(flow)
    assert is_believed_elsewhere(scene, document, flow)
    scene.present(document, flow)


@pytest.mark.parametrize(
    ("wrap", "covered"), WRAPPINGS, ids=[f"{wrap.__name__}-{covered}" for wrap, covered in WRAPPINGS]
)
def test_and_refuses_what_we_refuse(scene: SamlScene, wrap: Any, covered: str) -> None:
    flow = scene.flow()
    response = scene.answer(flow).xml()
    if covered != "the response":
        signed(assertion_of(response), idp())
    if covered != "the assertion":
        response = signed(response, idp())
    document = etree.tostring(wrap(parsed(as_document(response))))
    assert not is_believed_elsewhere(scene, document, flow)
    scene.refused(document, flow)
