"""Material at rest, and rows, open only as they were written: every change is refused."""

import dataclasses
import hmac
import struct
from collections.abc import Mapping

import pytest
from Crypto.Cipher import AES
from hypothesis import assume, given
from hypothesis import strategies as st

from keyferry.errors import IntegrityViolation
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.keys import Material
from keyferry.material.sealing import (
    Binding,
    Column,
    CredentialBinding,
    SealedCredential,
    SealedMaterial,
    Sealer,
    encode_columns,
)
from keyferry.material.secret import Secret

STORE = "store-1"
DATA_KEYS = {1: Secret(bytes(range(32))), 2: Secret(bytes(range(32, 64)))}
SEALER = Sealer(STORE, DATA_KEYS, current=2)
BINDING = Binding("key-1", "version-1", 1, "aes-256", exportable=True)
MATERIAL = Material(ALGORITHMS["aes-256"], Secret(bytes(range(100, 132))))
OTHERS: list[dict[str, object]] = [
    {"key_id": "key-2"},
    {"version_id": "version-2"},
    {"version_number": 2},
    {"algorithm": "aes-128"},
    {"exportable": False},
]
ROW: dict[str, Column] = {
    "id": "user-1",
    "name": "Ada",
    "role": "administrator",
    "disabled": False,
    "revision": 3,
    "password_hash": b"\x00\x01",
    "expires_at": None,
}

columns = st.dictionaries(
    st.text(max_size=6),
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.text(max_size=6)
    | st.binary(max_size=6),
    max_size=5,
)


def hkdf_sha256(key: bytes, purpose: bytes) -> bytes:
    """RFC 5869 for one block, with the store's id as salt."""
    extracted = hmac.digest(STORE.encode(), key, "sha256")
    return hmac.digest(extracted, b"keyferry 1 " + purpose + b"\x01", "sha256")


def present(row: Mapping[str, Column]) -> dict[str, tuple[type, Column]]:
    """What a row says, with True and 1 told apart; NULL says nothing."""
    return {name: (type(value), value) for name, value in row.items() if value is not None}


class TestMaterial:
    @given(value=st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
    def test_what_is_sealed_unseals_under_the_same_binding(self, value: bytes) -> None:
        algorithm = ALGORITHMS[f"aes-{8 * len(value)}"]
        binding = dataclasses.replace(BINDING, algorithm=algorithm.name)
        opened = SEALER.unseal(SEALER.seal(Material(algorithm, Secret(value)), binding), binding)
        assert (opened.algorithm, opened.secret.reveal()) == (algorithm, value)

    def test_another_implementation_reads_the_form_as_it_is_described(self) -> None:
        blob = SEALER.seal(MATERIAL, BINDING).blob
        header, nonce, body, tag = blob[:5], blob[5:17], blob[17:-16], blob[-16:]
        assert header == struct.pack(">BI", 1, 2)
        key = hkdf_sha256(DATA_KEYS[2].reveal(), b"material version-1")
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        cipher.update(BINDING.encode(STORE))
        assert cipher.decrypt_and_verify(body, tag) == MATERIAL.secret.reveal()

    def test_no_nonce_is_used_twice(self) -> None:
        assert len({SEALER.seal(MATERIAL, BINDING).blob[5:17] for _ in range(100)}) == 100

    @pytest.mark.parametrize("other", OTHERS)
    def test_each_field_of_the_binding_is_bound(self, other: dict[str, object]) -> None:
        sealed = SEALER.seal(MATERIAL, BINDING)
        changed = dataclasses.replace(BINDING, **other)  # type: ignore[arg-type]  # one field of whichever type
        with pytest.raises(IntegrityViolation) as refused:
            SEALER.unseal(sealed, changed)
        assert refused.value.code == "row-tampered"
        assert changed.version_id in refused.value.detail

    def test_no_field_of_the_binding_is_left_untried(self) -> None:
        assert {name for other in OTHERS for name in other} == {field.name for field in dataclasses.fields(Binding)}

    def test_the_version_is_bound_by_more_than_the_key_it_derives(self) -> None:
        assert BINDING.encode(STORE) != dataclasses.replace(BINDING, version_id="version-2").encode(STORE)

    def test_another_store_cannot_unseal_it_with_the_same_data_keys(self) -> None:
        with pytest.raises(IntegrityViolation):
            Sealer("store-2", DATA_KEYS, current=2).unseal(SEALER.seal(MATERIAL, BINDING), BINDING)

    @given(data=st.data())
    def test_a_changed_bit_anywhere_is_refused(self, data: st.DataObject) -> None:
        blob = bytearray(SEALER.seal(MATERIAL, BINDING).blob)
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(IntegrityViolation):
            SEALER.unseal(SealedMaterial(bytes(blob)), BINDING)

    def test_a_blob_cut_anywhere_is_refused(self) -> None:
        blob = SEALER.seal(MATERIAL, BINDING).blob
        for length in range(len(blob)):
            with pytest.raises(IntegrityViolation):
                SEALER.unseal(SealedMaterial(blob[:length]), BINDING)

    @given(blob=st.binary(max_size=80))
    def test_no_bytes_raise_anything_else(self, blob: bytes) -> None:
        with pytest.raises(IntegrityViolation):
            SEALER.unseal(SealedMaterial(blob), BINDING)

    def test_an_older_data_key_opens_what_it_sealed(self) -> None:
        older = Sealer(STORE, DATA_KEYS, current=1).seal(MATERIAL, BINDING)
        assert older.blob[1:5] == struct.pack(">I", 1)
        assert SEALER.unseal(older, BINDING).secret.reveal() == MATERIAL.secret.reveal()

    def test_a_data_key_that_is_gone_is_refused(self) -> None:
        sealed = SEALER.seal(MATERIAL, BINDING)
        with pytest.raises(IntegrityViolation) as refused:
            Sealer(STORE, {1: DATA_KEYS[1]}, current=1).unseal(sealed, BINDING)
        assert "unknown form or data key" in refused.value.detail

    def test_another_generation_in_the_header_is_refused_though_it_is_known(self) -> None:
        blob = SEALER.seal(MATERIAL, BINDING).blob
        with pytest.raises(IntegrityViolation):
            SEALER.unseal(SealedMaterial(struct.pack(">BI", 1, 1) + blob[5:]), BINDING)

    def test_another_form_is_refused(self) -> None:
        blob = SEALER.seal(MATERIAL, BINDING).blob
        with pytest.raises(IntegrityViolation) as refused:
            SEALER.unseal(SealedMaterial(b"\x02" + blob[1:]), BINDING)
        assert "unknown form" in refused.value.detail


CREDENTIAL = Secret(b"Zq8~wharf.lantern_Meadow-0042")
FOR = CredentialBinding("connection-1", {"cloud": "public", "endpoints": None, "tenant_id": "t", "client_id": "c"})
FOR_ANOTHER = [
    CredentialBinding("connection-2", FOR.facts),
    *(CredentialBinding(FOR.row_id, {**FOR.facts, name: "other"}) for name in FOR.facts),
    CredentialBinding(FOR.row_id, {name: value for name, value in FOR.facts.items() if name != "client_id"}),
]


class TestCredentials:
    @given(value=st.binary(min_size=1, max_size=200))
    def test_what_is_sealed_unseals_for_what_it_was_given_for(self, value: bytes) -> None:
        opened = SEALER.unseal_credential(SEALER.seal_credential(Secret(value), FOR), FOR)
        assert opened.reveal() == value

    def test_another_implementation_reads_the_form_as_it_is_described(self) -> None:
        blob = SEALER.seal_credential(CREDENTIAL, FOR).blob
        assert blob[:5] == struct.pack(">BI", 1, 2)
        key = hkdf_sha256(DATA_KEYS[2].reveal(), b"credential connection-1")
        cipher = AES.new(key, AES.MODE_GCM, nonce=blob[5:17])
        cipher.update(FOR.encode(STORE))
        assert cipher.decrypt_and_verify(blob[17:-16], blob[-16:]) == CREDENTIAL.reveal()

    @pytest.mark.parametrize("other", FOR_ANOTHER)
    def test_it_cannot_be_had_for_anything_else(self, other: CredentialBinding) -> None:
        sealed = SEALER.seal_credential(CREDENTIAL, FOR)
        with pytest.raises(IntegrityViolation) as refused:
            SEALER.unseal_credential(sealed, other)
        assert other.row_id in refused.value.detail

    def test_nor_in_another_store(self) -> None:
        with pytest.raises(IntegrityViolation):
            Sealer("store-2", DATA_KEYS, current=2).unseal_credential(SEALER.seal_credential(CREDENTIAL, FOR), FOR)

    def test_key_material_is_no_credential(self) -> None:
        binding = dataclasses.replace(BINDING, version_id="connection-1")
        blob = SEALER.seal(MATERIAL, binding).blob
        with pytest.raises(IntegrityViolation):
            SEALER.unseal_credential(SealedCredential(blob), FOR)

    @given(data=st.data())
    def test_a_changed_bit_anywhere_is_refused(self, data: st.DataObject) -> None:
        blob = bytearray(SEALER.seal_credential(CREDENTIAL, FOR).blob)
        at = data.draw(st.integers(0, len(blob) - 1))
        blob[at] ^= 1 << data.draw(st.integers(0, 7))
        with pytest.raises(IntegrityViolation):
            SEALER.unseal_credential(SealedCredential(bytes(blob)), FOR)

    def test_no_nonce_is_used_twice_and_no_plaintext_shows(self) -> None:
        blobs = {SEALER.seal_credential(CREDENTIAL, FOR).blob for _ in range(100)}
        assert len({blob[5:17] for blob in blobs}) == 100
        assert not any(CREDENTIAL.reveal()[:8] in blob for blob in blobs)


class TestEncoding:
    @given(one=columns, other=columns)
    def test_two_rows_that_differ_encode_differently(self, one: dict[str, Column], other: dict[str, Column]) -> None:
        assert (encode_columns("t", one) == encode_columns("t", other)) == (present(one) == present(other))

    @given(row=columns, one=st.text(max_size=5), other=st.text(max_size=5))
    def test_two_tables_encode_the_same_row_differently(self, row: dict[str, Column], one: str, other: str) -> None:
        assume(one != other)
        assert encode_columns(one, row) != encode_columns(other, row)

    @given(row=columns)
    def test_the_order_of_the_columns_says_nothing(self, row: dict[str, Column]) -> None:
        assert encode_columns("t", row) == encode_columns("t", dict(reversed(row.items())))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"a": None}, {"a": ""}),
            ({"a": None}, {"a": b""}),
            ({"a": ""}, {"a": b""}),
            ({"a": True}, {"a": 1}),
            ({"a": False}, {"a": 0}),
            ({"a": False}, {"a": None}),
            ({"a": 1}, {"a": "1"}),
            ({"a": "1"}, {"a": b"1"}),
            ({"a": -1}, {"a": 255}),
            ({"a": "b", "c": "d"}, {"a": "bc", "": "d"}),
            ({"ab": "c"}, {"a": "bc"}),
        ],
    )
    def test_what_looks_alike_is_told_apart(self, one: dict[str, Column], other: dict[str, Column]) -> None:
        assert encode_columns("t", one) != encode_columns("t", other)

    def test_a_column_that_is_added_as_null_leaves_older_seals_valid(self) -> None:
        seal = SEALER.mac_row("users", ROW)
        SEALER.check_row("users", "user-1", ROW | {"added_later": None}, seal)
        with pytest.raises(IntegrityViolation):
            SEALER.check_row("users", "user-1", ROW | {"added_later": ""}, seal)

    def test_a_number_beyond_64_bits_is_no_column(self) -> None:
        with pytest.raises(OverflowError):
            encode_columns("t", {"a": 2**63})

    def test_the_encoding_is_fixed(self) -> None:
        row: dict[str, Column] = {"n": -2, "b": b"\xff", "f": True, "s": "é", "null": None}
        assert encode_columns("t", row) == (
            b"keyferry row 1"
            b"\x00\x00\x00\x01t"
            b"\x00\x00\x00\x01bb\x00\x00\x00\x01\xff"
            b"\x00\x00\x00\x01ff\x00\x00\x00\x01\x01"
            b"\x00\x00\x00\x01ni\x00\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xfe"
            b"\x00\x00\x00\x01st\x00\x00\x00\x02\xc3\xa9"
        )


class TestRows:
    def test_a_row_as_it_was_written_passes(self) -> None:
        seal = SEALER.mac_row("users", ROW)
        assert len(seal) == 37
        SEALER.check_row("users", "user-1", ROW, seal)

    def test_another_implementation_computes_the_same_seal(self) -> None:
        key = hkdf_sha256(DATA_KEYS[2].reveal(), b"rows")
        expected = struct.pack(">BI", 1, 2) + hmac.digest(key, encode_columns("users", ROW), "sha256")
        assert SEALER.mac_row("users", ROW) == expected

    @pytest.mark.parametrize(
        "edit",
        [
            {"id": "user-2"},
            {"name": "Eve"},
            {"name": "Ada "},
            {"role": "key-access-user"},
            {"disabled": True},
            {"disabled": 0},
            {"disabled": None},
            {"revision": 2},
            {"password_hash": b""},
            {"password_hash": None},
            {"expires_at": 0},
            {"another": 1},
        ],
    )
    def test_an_edit_of_any_one_column_is_refused(self, edit: dict[str, Column]) -> None:
        seal = SEALER.mac_row("users", ROW)
        with pytest.raises(IntegrityViolation) as refused:
            SEALER.check_row("users", "user-1", ROW | edit, seal)
        assert "row user-1 of users" in refused.value.detail
        assert refused.value.advice

    @pytest.mark.parametrize("name", [name for name, value in ROW.items() if value is not None])
    def test_a_column_taken_away_is_refused(self, name: str) -> None:
        seal = SEALER.mac_row("users", ROW)
        with pytest.raises(IntegrityViolation):
            SEALER.check_row("users", "user-1", {key: value for key, value in ROW.items() if key != name}, seal)

    def test_a_seal_of_another_table_is_refused(self) -> None:
        with pytest.raises(IntegrityViolation):
            SEALER.check_row("groups", "user-1", ROW, SEALER.mac_row("users", ROW))

    def test_a_seal_of_another_purpose_is_refused(self) -> None:
        with pytest.raises(IntegrityViolation):
            SEALER.check_row("users", "user-1", ROW, SEALER.mac_event(encode_columns("users", ROW)))

    @given(seal=st.binary(max_size=48))
    def test_no_made_up_seal_passes(self, seal: bytes) -> None:
        with pytest.raises(IntegrityViolation):
            SEALER.check_row("users", "user-1", ROW, seal)

    def test_an_empty_or_cut_seal_is_refused(self) -> None:
        seal = SEALER.mac_row("users", ROW)
        for length in range(len(seal)):
            with pytest.raises(IntegrityViolation):
                SEALER.check_row("users", "user-1", ROW, seal[:length])

    def test_seals_of_an_older_data_key_still_pass(self) -> None:
        SEALER.check_row("users", "user-1", ROW, Sealer(STORE, DATA_KEYS, current=1).mac_row("users", ROW))


class TestEvents:
    def test_an_event_as_it_was_written_passes_and_a_changed_one_does_not(self) -> None:
        mac = SEALER.mac_event(b"event")
        SEALER.check_event(b"event", mac, "event 7")
        with pytest.raises(IntegrityViolation) as refused:
            SEALER.check_event(b"evenT", mac, "event 7")
        assert "event 7" in refused.value.detail


class TestKeys:
    def test_every_purpose_generation_and_store_has_a_key_of_its_own(self) -> None:
        derived = {
            sealer.derive(purpose, generation=generation).reveal()
            for sealer in (SEALER, Sealer("store-2", DATA_KEYS, current=2))
            for generation in (1, 2)
            for purpose in ("rows", "audit", "material version-1")
        }
        assert len(derived) == 12
        assert {len(key) for key in derived} == {32}

    def test_the_same_purpose_gives_the_same_key(self) -> None:
        assert SEALER.derive("x").reveal() == SEALER.derive("x", generation=2).reveal()
        assert SEALER.derive("x").reveal() == hkdf_sha256(DATA_KEYS[2].reveal(), b"x")

    def test_the_sealer_prints_no_key(self) -> None:
        assert repr(SEALER) == "Sealer(store store-1, data keys [1, 2])"
        assert SEALER.generation == 2
