"""A SAML provider's metadata, fetched from where it is over TLS: its certificates change, and some of it is hostile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from tests.custody.reading import details_of, events_of
from tests.custody.vouching import idp, own_key
from tests.identity.provider import Authority, Provider, Said, asking, providing
from tests.identity.saml_idp import ENTITY_ID, SSO_URL, SamlIdp, assertion_of, signed, stamp
from tests.identity.saml_scene import PUBLIC_URL, SamlScene, as_document

from keyferry.custody.provider_writing import NewProvider, ProviderEdit
from keyferry.errors import KeyferryError, NotAuthenticated, ProviderFailed
from keyferry.identity.fetching import LARGEST
from keyferry.testing import Kit

#: the same provider, with the key that it will sign with next
NEXT = SamlIdp()
PATH = "/saml/metadata"


class Published:
    """A provider that publishes, and an installation that fetches; the setting trusts a test's own authority."""

    def __init__(self, kit: Kit, provider: Provider) -> None:
        self.kit = kit
        self.provider = provider
        self.name = "fetched"
        self.says(idp().metadata())

    @property
    def address(self) -> str:
        return f"{self.provider.url}{PATH}"

    def says(self, metadata: str | bytes) -> None:
        body = metadata if isinstance(metadata, bytes) else metadata.encode()
        self.provider.says[PATH] = Said(body, media_type="application/samlmetadata+xml")

    def connect(self, **configuration: Any) -> SamlScene:
        new = NewProvider(
            name=self.name,
            kind="saml",
            configuration={"metadata_url": self.address, **configuration},
            credential=own_key(),
            mapping={"user_name": "mail"},
            just_in_time=True,
        )
        providers, by = self.kit.custody.providers, self.kit.administrator
        providers.create(by, new)
        providers.enable(by, self.name, untested=True)
        return SamlScene(self.kit, self.name)

    def refresh(self) -> int:
        """As the server does each hour; answers how many have changed."""
        return self.kit.custody.refreshing.run()

    @property
    def kept(self) -> dict[str, Any]:
        shown = self.kit.custody.providers.show(self.kit.administrator, self.name)
        found: dict[str, Any] = shown.configuration["idp"]
        return found


@pytest.fixture(scope="module")
def installed(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    with asking(authority, tmp_path_factory.mktemp("fetched") / "home", public_url=PUBLIC_URL) as (kit, provider):
        yield Published(kit, provider)


@pytest.fixture
def published(installed: Published) -> Iterator[Published]:
    """With a provider of its own for each test, which is gone afterwards."""
    installed.name = f"fetched-{len(installed.provider.asked)}"
    installed.says(idp().metadata())
    yield installed
    for each in installed.kit.custody.providers.list(installed.kit.administrator, size=100).items:
        installed.kit.custody.providers.delete(installed.kit.administrator, each.provider.id)


def comes_in(scene: SamlScene, signer: SamlIdp) -> bool:
    """Whether somebody is let in with an answer that is signed with this key."""
    flow = scene.flow()
    response = scene.answer(flow, attributes={"mail": (f"ann@{scene.name}.example.org",)}).xml()
    signed(assertion_of(response), signer)
    document = as_document(signed(response, signer))
    try:
        scene.present(document, flow)
    except NotAuthenticated:
        return False
    return True


def test_a_provider_is_set_up_from_its_address(published: Published) -> None:
    scene = published.connect()
    assert (published.kept["entity_id"], published.kept["sso_url"]) == (ENTITY_ID, SSO_URL)
    assert published.provider.asked[-1] == PATH
    assert comes_in(scene, idp())
    assert published.refresh() == 0


def test_its_certificates_roll_over_by_themselves(published: Published) -> None:
    """1. One key. 2. The next is published, and not used yet. 3. It is used. 4. The first is withdrawn."""
    scene = published.connect()
    assert (comes_in(scene, idp()), comes_in(scene, NEXT)) == (True, False)
    published.says(idp().metadata(NEXT.certificate))
    assert published.refresh() == 1
    assert len(published.kept["certificates"]) == 2
    assert (comes_in(scene, idp()), comes_in(scene, NEXT)) == (True, True)
    published.says(NEXT.metadata())
    assert published.refresh() == 1
    assert len(published.kept["certificates"]) == 1
    assert (comes_in(scene, idp()), comes_in(scene, NEXT)) == (False, True)
    outcomes = [details_of(each)["by"] for each in events_of(published.kit, "identity-provider.refresh")]
    assert outcomes[-2:] == ["date", "date"]
    shown = published.kit.custody.providers.show(published.kit.administrator, scene.name).provider
    assert shown.enabled


def test_who_asks_for_it_has_it_fetched_at_once(published: Published) -> None:
    published.connect()
    published.says(idp().metadata(NEXT.certificate))
    refreshed = published.kit.custody.providers.refresh(published.kit.administrator, published.name)
    assert len(refreshed.configuration["idp"]["certificates"]) == 2


HOSTILE: dict[str, Said] = {
    "another provider's": Said(SamlIdp("https://evil.example.org/metadata").metadata().encode()),
    "expired": Said(NEXT.metadata(attributes=f'validUntil="{stamp(-10)}"').encode()),
    "too large": Said(NEXT.metadata(more=f"<!--{'x' * LARGEST}-->").encode()),
    "without end": Said(parts=lambda: iter([NEXT.metadata().encode(), *[b" " * 65536] * (LARGEST // 65536 + 2)])),
    "a document type": Said(b'<!DOCTYPE md [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + NEXT.metadata().encode()),
    "no certificate": Said(NEXT.metadata().partition("<md:KeyDescriptor")[0].encode()),
    "a page": Said(b"<html><body>Sign in</body></html>"),
    "led elsewhere": Said(NEXT.metadata().encode(), 302, headers={"Location": "https://evil.example.org/"}),
    "gone": Said(b"", 410),
    "an address in clear": Said(NEXT.metadata().replace(SSO_URL, "http://evil.example.org/sso").encode()),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_hostile_changes_nothing_and_is_in_the_audit_log(published: Published, what: str) -> None:
    scene = published.connect(entity_id=ENTITY_ID)
    before = published.kept
    published.provider.says[PATH] = HOSTILE[what]
    assert published.refresh() == 0
    assert published.kept == before
    assert (comes_in(scene, idp()), comes_in(scene, NEXT)) == (True, False)
    failed = events_of(published.kit, "identity-provider.refresh", "failed")[-1]
    assert failed.object_name == published.name
    assert details_of(failed)["detail"]
    with pytest.raises(KeyferryError):
        published.kit.custody.providers.refresh(published.kit.administrator, published.name)
    assert published.kept == before


def test_metadata_that_names_another_provider_than_before_is_refused(published: Published) -> None:
    """Also where nobody has said which provider is meant: the one that it was set up with stays."""
    scene = published.connect()
    before = published.kept
    published.provider.says[PATH] = HOSTILE["another provider's"]
    assert published.refresh() == 0
    assert published.kept == before
    assert comes_in(scene, idp())
    edit = ProviderEdit(configuration={"entity_id": "https://evil.example.org/metadata"}, untested=True)
    published.kit.custody.providers.edit(published.kit.administrator, published.name, edit)
    assert published.kept["entity_id"] == "https://evil.example.org/metadata"  # an Administrator may mean it


def test_a_certificate_of_an_authority_that_is_not_trusted_is_refused(published: Published, tmp_path: Path) -> None:
    stranger = Authority.make(tmp_path)
    with providing(stranger) as elsewhere:
        configuration = {"metadata_url": f"https://{elsewhere.host}{PATH}"}
        new = NewProvider(name=f"{published.name}-x", kind="saml", configuration=configuration, mapping={})
        with pytest.raises(ProviderFailed):
            published.kit.custody.providers.create(published.kit.administrator, new)
        assert elsewhere.asked == []


def test_metadata_that_is_pinned_has_to_be_signed_with_that_certificate(published: Published) -> None:
    pinned = idp().certificate.public_bytes(Encoding.PEM).decode()

    def signed_by(signer: SamlIdp) -> bytes:
        metadata = etree.fromstring(NEXT.metadata(attributes='ID="_m"').encode())
        return bytes(etree.tostring(signed(metadata, signer)))

    published.says(signed_by(idp()))
    scene = published.connect(metadata_certificate=pinned)
    assert comes_in(scene, NEXT)
    for wrong in (signed_by(NEXT), NEXT.metadata()):
        published.says(wrong)
        assert published.refresh() == 0
    assert comes_in(scene, NEXT)
