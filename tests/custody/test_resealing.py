"""A new data key: everything that is kept comes under it, while others work; what was edited is not sealed anew."""

import struct
from collections.abc import Callable

import pytest
from tests.custody.vouching import vouched

from keyferry.custody import credentials, provider_writing
from keyferry.custody.connection_writing import NewConnection
from keyferry.custody.credentials import CredentialKind, NewCredential
from keyferry.custody.generation import generated
from keyferry.custody.keys import KeyEdit
from keyferry.custody.resealing import Resealing
from keyferry.errors import IntegrityViolation
from keyferry.material.algorithms import ALGORITHMS
from keyferry.material.secret import Secret
from keyferry.store.sealed import CONNECTIONS, SEALED_TABLES
from keyferry.testing import Kek, Kit


def resealing(kit: Kit) -> Resealing:
    opened = kit.installation
    return Resealing(opened.store, opened.sealer, opened.root)


def generations(kit: Kit) -> dict[str, set[int]]:
    """Of each table and of each column of what is encrypted: under which data keys it is."""
    columns = [(name, "seal") for name in SEALED_TABLES]
    columns += [("key_versions", "material"), ("pool_keys", "material"), ("connections", "credential")]
    columns += [("identity_providers", "credential")]
    found = {}
    with kit.installation.store.engine.connect() as connection:
        for table, column in columns:
            blobs = connection.exec_driver_sql(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
            found[f"{table}.{column}"] = {struct.unpack_from(">xI", bytes(blob))[0] for (blob,) in blobs}
    return found


@pytest.fixture
def used(make_kit: Callable[..., Kit], kek: Kek) -> Kit:
    """An installation with something in most tables."""
    kit = make_kit(pool=True, pool_rsa_2048=1, pool_rsa_3072=0, pool_rsa_4096=0)
    kim = kit.user("kim", groups=("payments",))
    kit.key(kim, "rsa-2048", "tenant")
    kit.export(kim, "tenant", kek)
    kit.key(kim, "aes-256", "spare", group="payments")
    assert kit.custody.pool.put(generated(ALGORITHMS["rsa-2048"]))
    return kit


def test_everything_that_is_kept_comes_under_the_new_data_key(used: Kit, kek: Kek) -> None:
    told: list[tuple[int, int]] = []
    before = generations(used)
    assert before["pool_keys.material"] == before["key_versions.material"] == {1}
    done = resealing(used).run(lambda count, of: told.append((count, of)), learned_within=0)
    assert (done.generation, done.findings, done.continued) == (2, (), False)
    assert set().union(*generations(used).values()) == {2}
    assert told[-1] == (done.rows, done.rows)
    kim = used.sign_in("kim")
    used.export(kim, "tenant", kek)
    used.key(kim, "rsa-2048", "from-the-pool")
    used.background.tick()
    assert used.custody.audit.verify(used.administrator).findings == ()
    events = used.custody.audit.list(used.administrator, size=100).items
    assert [event.object_revision for event in events if event.operation == "data-keys.rotate"] == [1, 2]
    assert {struct.unpack_from(">xI", event.mac)[0] for event in events} == {1, 2}  # events stay under theirs


def test_a_process_that_is_open_learns_of_it(used: Kit, kek: Kek) -> None:
    other = Kit.open(used.installation.settings.home)
    try:
        assert resealing(used).run(learned_within=0).generation == 2
        kim = other.sign_in("kim")  # meets rows of a generation that it does not know
        assert other.installation.sealer.generation == 2
        other.export(kim, "tenant", kek)
    finally:
        other.close()


def test_a_process_that_meets_nothing_new_learns_of_it_all_the_same(used: Kit) -> None:
    other = Kit.open(used.installation.settings.home)
    try:
        resealing(used).run(learned_within=0)
        other.installation.learn_data_keys()
        assert other.installation.sealer.generation == 2
    finally:
        other.close()


def test_a_change_that_was_cut_off_is_gone_on_with(used: Kit) -> None:
    class CutOff(Exception):
        pass

    def cut_off(done: int, _of: int) -> None:
        if done > 2:
            raise CutOff

    with pytest.raises(CutOff):
        resealing(used).run(cut_off, learned_within=0)
    assert {1, 2} <= set().union(*generations(used).values())
    later = Kit.open(used.installation.settings.home)
    try:
        done = resealing(later).run(learned_within=0)
        assert (done.generation, done.continued) == (2, True)
        assert set().union(*generations(later).values()) == {2}
        assert resealing(later).run(learned_within=0).generation == 3
        assert set().union(*generations(later).values()) == {3}
    finally:
        later.close()


def test_what_was_edited_is_left_as_it_is_and_told(used: Kit) -> None:
    with used.installation.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET role = 'administrator' WHERE name = 'kim'")
    done = resealing(used).run(learned_within=0)
    (finding,) = done.findings
    assert "users" in finding
    assert generations(used)["users.seal"] == {1, 2}


def test_a_row_that_changes_meanwhile_is_not_lost(used: Kit) -> None:
    """Each time a few rows are done, somebody edits a key: its own change stands, and is under the new data key too."""
    kim = used.sign_in("kim")
    edits: list[str] = []

    def edit(_done: int, _of: int) -> None:
        edits.append(f"edit {len(edits)}")
        used.custody.keys.edit(kim, "spare", KeyEdit(description=edits[-1]))

    done = resealing(used).run(edit, learned_within=0)
    assert done.findings == ()
    assert used.custody.keys.show(kim, "spare").key.description == edits[-1]
    assert set().union(*generations(used).values()) == {2}


def test_a_credential_is_sealed_anew_and_still_opens(used: Kit) -> None:
    new = NewConnection(
        name="azure",
        tenant_id="72f988bf-86f1-41af-91ab-2d7cd011db47",
        client_id="04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        credential=NewCredential(CredentialKind.CLIENT_SECRET, Secret(b"a-client-secret-of-Azure")),
    )
    made = used.custody.connections.create(used.administrator, new).connection.id
    resealing(used).run(learned_within=0)
    assert generations(used)["connections.credential"] == {2}
    sealer = used.installation.sealer
    row = used.installation.store.read(lambda tx: CONNECTIONS.get(tx, sealer, made))
    assert row is not None
    secret = credentials.unseal(sealer, row)
    assert secret is not None
    assert secret.reveal() == b"a-client-secret-of-Azure"


def test_a_number_that_somebody_wrote_into_a_seal_is_refused(used: Kit) -> None:
    seal = struct.pack(">BI", 1, 77) + bytes(32)
    engine = used.installation.store.engine
    sign = "?" if engine.dialect.name == "sqlite" else "%s"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE users SET seal = {sign} WHERE name = 'kim'", (seal,))
    with pytest.raises(IntegrityViolation, match="unknown form or data key"):
        used.sign_in("kim")
    assert used.installation.sealer.generation == 1


def test_a_providers_key_is_sealed_anew_and_still_opens(used: Kit) -> None:
    made = vouched(used).provider
    before = provider_writing.unseal_needed(used.installation.sealer, made).reveal()
    resealing(used).run(learned_within=0)
    assert generations(used)["identity_providers.credential"] == {2}
    row = used.custody.providers.show(used.administrator, made.id).provider
    assert provider_writing.unseal_needed(used.installation.sealer, row).reveal() == before
