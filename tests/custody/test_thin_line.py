"""The whole way of a key, from its making to the file that leaves, on both databases."""

from keyferry.byok.verify import verify
from keyferry.testing import Kek, Kit


def test_a_key_is_made_and_leaves_wrapped(kit: Kit, kek: Kek) -> None:
    kim = kit.user("kim", groups=("payments",))
    key = kit.key(kim, "rsa-2048", "tenant", group="payments")
    file = kit.export(kim, "payments/tenant", kek)
    verify(file.content, kek.private, key.version.public_key)
    assert file.export.kek_sha256
    assert kit.custody.exports.list(kit.administrator, size=10).items == (file.detail,)
