"""XML as it is taken from elsewhere: UTF-8, short, without a document type, entities or the network.

What a document could do to its reader it does by a document type (entities that grow, files that are read) or by an
encoding in which the reader sees something else than whoever looked. Both are refused before anything is parsed.
"""

from typing import TYPE_CHECKING, Final

from keyferry.errors import InvalidInput

if TYPE_CHECKING:
    from lxml.etree import _Element

SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
MD: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"

MOST_BYTES: Final = 1024 * 1024
MOST_ELEMENTS: Final = 20_000


class XmlRefused(InvalidInput):
    """A document that is not read or not believed, and why."""


def parse(data: bytes) -> "_Element":
    """The root of a document.

    Raises:
        XmlRefused: it is too long, no UTF-8, no XML, or has a document type.
    """
    from lxml import etree

    if len(data) > MOST_BYTES:
        raise XmlRefused(f"The document has more than {MOST_BYTES} bytes.", code="provider-answer-refused")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise XmlRefused("The document is no UTF-8.", code="provider-answer-refused") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise XmlRefused("The document has a document type.", code="provider-answer-refused")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the document says of itself
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=False,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        raise XmlRefused("The document is no XML.", code="provider-answer-refused") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlRefused("The document has a document type.", code="provider-answer-refused")
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise XmlRefused(f"The document has more than {MOST_ELEMENTS} elements.", code="provider-answer-refused")
    return root


def text_of(element: "_Element") -> str:
    """The text of an element that holds nothing else, whole.

    Raises:
        XmlRefused: it holds an element, a comment or an instruction: what comes before could be taken for the whole.
    """
    if len(element):
        raise XmlRefused("A text has something else in it.", code="provider-answer-refused")
    return (element.text or "").strip(" \t\r\n")
