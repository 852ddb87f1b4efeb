"""The transfer file's form: what is written, what is read back, and what is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyferry.byok.inspect import inspect
from keyferry.byok.transfer_file import MAX_BYTES, compose, parse, read_transfer_file
from keyferry.errors import InvalidInput

KID = "https://contoso-kv.vault.azure.net/keys/KEK/f2c1e1a79714a757c3486f2be238a005"
CIPHERTEXT = bytes(range(256)) * 5 + bytes(208)  # 1488 bytes; holds every 6-bit group, so both alphabets differ
GOOD = compose(KID, CIPHERTEXT, "Keyferry 0.1.0; software")


def changed(**members: Any) -> bytes:
    """The good file with members replaced; `header_x` stands for `header.x`, and `...` takes a member out."""
    document = json.loads(GOOD)
    for name, value in members.items():
        place, member = document, name
        if name.startswith("header_"):
            place, member = document["header"], name.removeprefix("header_")
        if value is ...:
            del place[member]
        else:
            place[member] = value
    return json.dumps(document).encode()


def refusal_of(content: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read_transfer_file(content)
    assert caught.value.code == "transfer-file-refused"
    assert caught.value.advice
    return caught.value


class TestWritten:
    def test_the_file_is_byte_for_byte_this(self) -> None:
        ciphertext = b"\xfb\xff\xbf" * 94  # three bytes, '-_-_' in base64url
        assert compose(KID, ciphertext, "Keyferry 0.1.0; software") == (
            b'{"schema_version":"1.0.0",'
            b'"header":{"kid":"https://contoso-kv.vault.azure.net/keys/KEK/f2c1e1a79714a757c3486f2be238a005",'
            b'"alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},'
            b'"ciphertext":"' + b"-_-_" * 94 + b'","generator":"Keyferry 0.1.0; software"}'
        )

    def test_it_reads_back_as_it_was_written(self) -> None:
        parts = read_transfer_file(GOOD)
        assert parts.schema_version == "1.0.0"
        assert (parts.kid, parts.alg, parts.enc) == (KID, "dir", "CKM_RSA_AES_KEY_WRAP")
        assert parts.ciphertext == CIPHERTEXT
        assert parts.generator == "Keyferry 0.1.0; software"

    def test_the_ciphertext_is_unpadded_base64url(self) -> None:
        text = json.loads(GOOD)["ciphertext"]
        assert text == base64.urlsafe_b64encode(CIPHERTEXT).decode().rstrip("=")
        assert not set(text) & set("+/=")

    def test_white_space_between_members_does_not_matter(self) -> None:
        assert read_transfer_file(json.dumps(json.loads(GOOD), indent=4).encode() + b"\r\n") == read_transfer_file(GOOD)


padded = base64.urlsafe_b64encode(CIPHERTEXT + b"12").decode()
REFUSED = {
    "an empty file": (b"", "file", "empty"),
    "more than 64 KiB": (GOOD.ljust(MAX_BYTES + 1), "file", str(MAX_BYTES)),
    "what is not JSON": (b"hello", "file", "not JSON"),
    "JSON that is cut short": (GOOD[:-1], "file", "not JSON"),
    "something after the JSON": (GOOD + b"x", "file", "not JSON"),
    "a number that is not JSON": (b'{"schema_version":NaN}', "file", "not JSON"),
    "deep nesting": (b"[" * 60000, "file", "not JSON"),
    "a list": (b"[]", "file", "no object"),
    "a string": (b'"1.0.0"', "file", "no object"),
    "single quotes": (str(json.loads(GOOD)).encode(), "file", "which is not JSON"),
    "nCipher's old binary form": (b"\x00\x01\x00\x10KeyTransferPackage\xff\xfe", "file", "nCipher"),
    "binary that is UTF-8": (b"\x00\x01\x02\x03", "file", "nCipher"),
    "a member named twice": (GOOD[:-1] + b',"generator":"x"}', "file", "'generator' twice"),
    "a header member named twice": (GOOD.replace(b'"alg":', b'"kid":"x","alg":'), "file", "'kid' twice"),
    "a missing schema version": (changed(schema_version=...), "schema_version", "missing"),
    "another schema version": (changed(schema_version="2.0.0"), "schema_version", "'2.0.0' instead of '1.0.0'"),
    "a schema version that is a number": (changed(schema_version=1), "schema_version", "not a string"),
    "a missing header": (changed(header=...), "header", "missing"),
    "a header that is a string": (changed(header="dir"), "header", "not an object"),
    "a missing kid": (changed(header_kid=...), "header.kid", "missing"),
    "a kid that is a list": (changed(header_kid=[KID]), "header.kid", "not a string"),
    "a missing alg": (changed(header_alg=...), "header.alg", "missing"),
    "another alg": (changed(header_alg="RSA-OAEP"), "header.alg", "'RSA-OAEP' instead of 'dir'"),
    "a missing enc": (changed(header_enc=...), "header.enc", "missing"),
    "another enc": (changed(header_enc="RSA_AES_KEY_WRAP_256"), "header.enc", "instead of 'CKM_RSA_AES_KEY_WRAP'"),
    "a further member": (changed(comment="x"), "'comment'", "no member"),
    "a further header member": (changed(header_typ="x"), "header.'typ'", "no member"),
    "a missing generator": (changed(generator=...), "generator", "missing"),
    "a generator that is an object": (changed(generator={}), "generator", "not a string"),
    "a missing ciphertext": (changed(ciphertext=...), "ciphertext", "missing"),
    "a ciphertext that is null": (changed(ciphertext=None), "ciphertext", "missing"),
    "a ciphertext that is a list": (changed(ciphertext=[1]), "ciphertext", "not a string"),
    "a ciphertext that is not base64": (changed(ciphertext="*" * 400), "ciphertext", "not base64"),
    "a ciphertext outside ASCII": (changed(ciphertext="é" * 400), "ciphertext", "not base64"),
    "a ciphertext with a line end": (changed(ciphertext="AAAA\n" * 100), "ciphertext", "not base64"),
    "a ciphertext of an impossible length": (changed(ciphertext="A" * 401), "ciphertext", "not base64"),
    "a ciphertext that is too short": (changed(ciphertext="A" * 372), "ciphertext", "279 bytes"),
    "padding": (changed(ciphertext=padded), "ciphertext", "padding"),
    "the standard alphabet": (
        changed(ciphertext=padded.rstrip("=").replace("-", "+").replace("_", "/")),
        "ciphertext",
        "alphabet",
    ),
    "bits after the last byte": (changed(ciphertext=padded.rstrip("=")[:-1] + "J"), "ciphertext", "bits set"),
}


@pytest.mark.parametrize(("content", "member", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(content: bytes, member: str, said: str) -> None:
    refused = refusal_of(content)
    assert refused.field == member
    assert said in refused.detail


class TestLenient:
    """Other tools' files, read for `inspect` and `verify`: each deviation is noted."""

    @pytest.mark.parametrize(
        ("content", "note"),
        [
            (changed(ciphertext=padded), "ciphertext: base64 with padding"),
            (
                changed(ciphertext=padded.replace("-", "+").replace("_", "/").rstrip("=")),
                "ciphertext: the standard base64 alphabet",
            ),
            (changed(generator=...), "generator: missing"),
            (changed(header_enc="CKM_RSA_AES_KEY_WRAP_PAD"), "header.enc: 'CKM_RSA_AES_KEY_WRAP_PAD' instead"),
            (changed(comment="x"), "'comment': no member"),
        ],
    )
    def test_a_deviation_is_noted(self, content: bytes, note: str) -> None:
        _, deviations = parse(content)
        assert [str(deviation).startswith(note) for deviation in deviations] == [True]

    def test_padding_and_alphabet_do_not_change_the_ciphertext(self) -> None:
        standard = base64.b64encode(CIPHERTEXT + b"12").decode()
        assert parse(changed(ciphertext=standard))[0].ciphertext == CIPHERTEXT + b"12"

    def test_a_byte_order_mark_is_read_over(self) -> None:
        assert parse(b"\xef\xbb\xbf" + GOOD) == parse(GOOD)


class TestFuzz:
    @given(
        st.binary(max_size=300)
        | st.text(max_size=300).map(str.encode)
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
            lambda inner: st.dictionaries(
                st.sampled_from(["schema_version", "header", "ciphertext", "generator", "kid", "enc"]), inner
            ),
        ).map(lambda document: json.dumps(document).encode())
    )
    def test_anything_else_is_refused_and_nothing_else_is_raised(self, content: bytes) -> None:
        for read in (read_transfer_file, inspect):
            with pytest.raises(InvalidInput):
                read(content)

    @given(st.data())
    def test_a_changed_file_is_refused_or_says_what_it_says(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(GOOD) - 1))
        content = GOOD[:at] + bytes([data.draw(st.integers(0, 255))]) + GOOD[at + data.draw(st.integers(0, 2)) :]
        try:
            parts = read_transfer_file(content)
        except InvalidInput:
            return
        again = read_transfer_file(compose(parts.kid, parts.ciphertext, parts.generator))
        assert again == parts
