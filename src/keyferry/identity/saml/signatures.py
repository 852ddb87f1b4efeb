"""XML signatures, in the one form that SAML has (core section 5.4), verified by signxml with pinned certificates.

An element is judged by itself: it is taken out of its document, so that nothing around it can be what was signed in its
place. Its signature is its own child and refers to it, by an ID that no other element of the document has; the
algorithms are those listed here; and what is used afterwards is what signxml answers as signed, and nothing else. What
a signature says of its key is not looked at.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cryptography import x509

from keyferry.identity.saml.xml import DS, XmlRefused

if TYPE_CHECKING:
    from lxml.etree import _Element

ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"

#: SHA-256 or better, with RSA or ECDSA
METHODS: Final = (
    "RSA_SHA256",
    "RSA_SHA384",
    "RSA_SHA512",
    "ECDSA_SHA256",
    "ECDSA_SHA384",
    "ECDSA_SHA512",
    "SHA256_RSA_MGF1",
    "SHA384_RSA_MGF1",
    "SHA512_RSA_MGF1",
)
DIGESTS: Final = ("SHA256", "SHA384", "SHA512")
_ID_NAMES: Final = ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id")


class SignatureRefused(XmlRefused):
    """A signature that is not there, or not believed, and why."""


def is_signed(element: "_Element") -> bool:
    """Whether the element has a signature of its own, whatever that is worth."""
    return element.find(f"{{{DS}}}Signature") is not None


def verified_root(element: "_Element", certificates: Sequence[x509.Certificate]) -> "_Element":
    """What is signed of an element by one of the certificates' keys: the element itself, as it was signed.

    Raises:
        SignatureRefused: the signature is missing, of another form, or does not verify.
    """
    from lxml import etree
    from signxml.algorithms import DigestAlgorithm, SignatureMethod
    from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

    _require_form(element)
    expected = SignatureConfiguration(
        require_x509=True,
        location="./",
        expect_references=1,
        signature_methods=frozenset(SignatureMethod[name] for name in METHODS),
        digest_algorithms=frozenset(DigestAlgorithm[name] for name in DIGESTS),
        ignore_ambiguous_key_info=True,
    )
    alone = etree.tostring(element, with_tail=False)
    for certificate in certificates:
        try:
            result = XMLVerifier().verify(alone, x509_cert=certificate, id_attribute="ID", expect_config=expected)
        except Exception:  # noqa: BLE001, S112  # whatever is wrong with it, the next certificate is asked
            continue
        signed = result.signed_xml if isinstance(result, VerifyResult) else None
        if signed is not None and signed.tag == element.tag and signed.get("ID") == element.get("ID"):
            return signed
    raise _refused("does not verify with any of the provider's certificates")


def _require_form(element: "_Element") -> None:
    """
    Raises:
        SignatureRefused: the signature is not the one, enveloped, exclusively canonicalised one of this element.
    """
    id_ = element.get("ID")
    found = element.findall(f"{{{DS}}}Signature")
    if not id_ or len(found) != 1:
        raise _refused("is missing, or there are several")
    everywhere = [name for each in element.getroottree().iter("*") for name in _ids(each)]
    if everywhere.count(id_) != 1:
        raise _refused("refers to an ID that several elements have")
    signature = found[0]
    infos = signature.findall(f"{{{DS}}}SignedInfo")
    references = [reference for info in infos for reference in info.findall(f"{{{DS}}}Reference")]
    if len(infos) != 1 or len(references) != 1 or len(list(signature.iter(f"{{{DS}}}Reference"))) != 1:
        raise _refused("has not just one reference")
    if references[0].get("URI") != f"#{id_}":
        raise _refused("refers to something else")
    if signature.find(f"{{{DS}}}Object") is not None:
        raise _refused("has something in it")
    transforms = [each.get("Algorithm") for each in references[0].iter(f"{{{DS}}}Transform")]
    if sorted(transforms, key=str) != sorted([ENVELOPED, EXCLUSIVE]):
        raise _refused("has other transforms than SAML's two")
    methods = [each.get("Algorithm") for each in infos[0].findall(f"{{{DS}}}CanonicalizationMethod")]
    if methods != [EXCLUSIVE]:
        raise _refused("is canonicalised otherwise than exclusively")


def _ids(element: "_Element") -> list[str]:
    return [value for value in map(element.get, _ID_NAMES) if value is not None]


def _refused(why: str) -> SignatureRefused:
    return SignatureRefused(f"The signature {why}.", code="provider-answer-refused")
