"""Keys at the portal: every option of Create a key with its refusals, and what may be done with a key."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from playwright.sync_api import expect
from tests.emulator.calling import unique
from tests.emulator.keys.transfer import Kek, PrivateKey, pkcs8
from tests.emulator.portal.walking import KEK_OPTION, Portal

RSA_KEY = rsa.generate_private_key(65537, 2048)


def pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes | None = None) -> bytes:
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, form, encryption)


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def vault(portal: Portal) -> str:
    return portal.make_vault("Premium")


@pytest.fixture(scope="module")
def standard(portal: Portal) -> str:
    return portal.make_vault("Standard")


@pytest.fixture(scope="module")
def kek(portal: Portal, vault: str) -> Kek:
    portal.make_key(vault, "kek", KEK_OPTION)
    portal.open_current_version(vault, "kek")
    identifier = portal.page.get_by_label("Key Identifier", exact=True).input_value()
    public = load_pem_public_key(portal.download("Download public key")[1])
    assert isinstance(public, rsa.RSAPublicKey)
    return Kek(identifier, public)


def begin(portal: Portal, vault: str, option: str) -> None:
    portal.open(f"vaults/{vault}/create-key")
    portal.pick(option)


def test_a_standard_vault_offers_no_kek(portal: Portal, vault: str, standard: str) -> None:
    portal.open(f"vaults/{standard}/create-key")
    options = portal.page.get_by_role("radiogroup", name="Options").get_by_role("radio")
    expect(options).to_have_count(3)
    expect(portal.page.get_by_role("radiogroup", name="Options")).to_contain_text(
        "needs a vault of the pricing tier Premium"
    )
    expect(portal.page.get_by_role("radio", name="HSM", exact=True)).to_have_count(0)
    # nor does it take one from a page that was made by hand
    portal.page.locator("#option-generate").evaluate("radio => radio.value = 'kek'")
    portal.fill("Name", "kek")
    portal.press("Create")
    portal.refused("Options", "Choose an option that is offered.")
    portal.open(f"vaults/{vault}/create-key")
    expect(options).to_have_count(4)


def test_keys_are_generated_in_software_and_in_the_hsm(portal: Portal, vault: str) -> None:
    begin(portal, vault, "Generate")
    expect(portal.page.get_by_label("Elliptic curve name", exact=True)).to_be_hidden()
    expect(portal.page.get_by_label("File Upload", exact=True)).to_be_hidden()
    portal.pick("EC")
    expect(portal.page.get_by_role("radio", name="3072")).to_be_hidden()
    portal.choose("Elliptic curve name", "P-384")
    portal.pick("HSM")
    portal.pick("No")
    portal.fill("Name", "curve")
    portal.press("Create")
    portal.told("The key curve was created.")
    expect(portal.page.get_by_role("row", name="curve")).to_contain_text("Disabled")
    portal.open_current_version(vault, "curve")
    facts = portal.page.get_by_role("main")
    expect(facts).to_contain_text("EC-HSM")
    expect(facts).to_contain_text("Curve P-384")
    name, content = portal.download("Download public key")
    public = load_pem_public_key(content)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert (name, public.curve.name) == (f"{vault}-curve.pem", "secp384r1")


@pytest.mark.parametrize("option", ["Generate", "Import", KEK_OPTION])
@pytest.mark.parametrize(("name", "reason"), [("", "Enter a name"), ("pay roll!", "letters, digits and '-'")])
def test_a_key_has_a_name_of_letters_digits_and_dashes(
    portal: Portal, vault: str, option: str, name: str, reason: str
) -> None:
    begin(portal, vault, option)
    portal.fill("Name", name)
    portal.press("Create")
    portal.refused("Name", reason)
    expect(portal.page.get_by_role("radio", name=option, exact=True)).to_be_checked()


def test_a_kek_is_rsa_only(portal: Portal, vault: str) -> None:
    begin(portal, vault, "Generate")
    portal.pick("EC")
    portal.pick(KEK_OPTION)
    portal.fill("Name", "curved-kek")
    portal.press("Create")
    portal.refused("Key type", "of the key type RSA only")


def test_a_key_encryption_key_does_nothing_but_import(portal: Portal, vault: str, kek: Kek) -> None:
    portal.open_current_version(vault, "kek")
    operations = portal.page.locator("dt", has_text="Permitted operations").locator("xpath=following-sibling::dd")
    expect(operations).to_have_text("import")
    assert kek.public.key_size == 2048


@pytest.mark.parametrize("curve", [None, "P-256", "P-521"])
def test_a_transfer_file_is_imported(portal: Portal, vault: str, kek: Kek, curve: str | None) -> None:
    curves = {"P-256": ec.SECP256R1(), "P-521": ec.SECP521R1()}
    key = RSA_KEY if curve is None else ec.generate_private_key(curves[curve])
    name = unique("byok")
    begin(portal, vault, "Import")
    portal.upload("File Upload", "key.byok", kek.file(pkcs8(key)))
    portal.fill("Name", name)
    if curve is not None:
        portal.pick("EC")
        portal.choose("Elliptic curve name", curve)
    portal.press("Create")
    portal.told(f"The key {name} was imported.")
    portal.open_current_version(vault, name)
    assert portal.download("Download public key")[1].split() == public_pem(key).split()


def test_a_transfer_file_that_will_not_do_is_refused_beside_it(portal: Portal, vault: str, kek: Kek) -> None:
    portal.open(f"vaults/{vault}/create-key")
    files = {
        b"{}": "schema_version is missing",
        kek.file(pkcs8(ec.generate_private_key(ec.SECP256R1()))): "cannot be imported",
        Kek(kek.identifier.replace("kek", "other"), kek.public).file(
            pkcs8(RSA_KEY)
        ): "this vault has none of that name",
        Kek(kek.identifier.replace(vault, "keyferry-vault-a"), kek.public).file(pkcs8(RSA_KEY)): "names the vault",
    }
    for content, reason in files.items():
        portal.pick("Import")
        portal.upload("File Upload", "key.byok", content)
        portal.fill("Name", "refused")
        portal.press("Create")
        portal.refused("File Upload", reason)
        assert portal.page.get_by_label("Name", exact=True).input_value() == "refused"
    portal.press("Create")
    portal.refused("File Upload", "Choose a .byok or .pem file.")
    portal.open(f"vaults/{vault}/keys")
    expect(portal.page.get_by_role("row", name="refused")).to_have_count(0)


def test_a_disabled_kek_opens_nothing(portal: Portal, vault: str, kek: Kek) -> None:
    portal.open_current_version(vault, "kek")
    portal.page.get_by_text("Disable this version").click()
    portal.press("Disable")
    portal.told("The version is disabled.")
    begin(portal, vault, "Import")
    portal.upload("File Upload", "key.byok", kek.file(pkcs8(RSA_KEY)))
    portal.fill("Name", "refused")
    portal.press("Create")
    portal.refused("File Upload", "Operation import is not allowed on a disabled key.")
    portal.open_current_version(vault, "kek")
    portal.press("Enable")
    portal.told("The version is enabled.")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_pem_file_is_imported(portal: Portal, standard: str, form: PrivateFormat) -> None:
    for key in (RSA_KEY, ec.generate_private_key(ec.SECP256R1())):
        name = unique("pem")
        begin(portal, standard, "Import")
        portal.upload("File Upload", "key.pem", pem(key, form))
        portal.fill("Name", name)
        portal.pick("RSA" if key is RSA_KEY else "EC")
        portal.press("Create")
        portal.told(f"The key {name} was imported.")
        portal.open_current_version(standard, name)
        assert portal.download("Download public key")[1].split() == public_pem(key).split()


def test_a_pem_file_that_will_not_do_is_refused_beside_it(portal: Portal, vault: str) -> None:
    begin(portal, vault, "Import")
    broken = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    files = [
        (pem(RSA_KEY, passphrase=b"secret phrase"), "File Upload", "is encrypted"),
        (public_pem(RSA_KEY), "File Upload", "it holds no private key"),
        (broken, "File Upload", "is damaged"),
        (pem(rsa.generate_private_key(65537, 1024)), "File Upload", "the RSA key has 1024 bits"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "Key type", "of the type EC"),
    ]
    for content, label, reason in files:
        portal.upload("File Upload", "key.pem", content)
        portal.fill("Name", "refused")
        portal.press("Create")
        portal.refused(label, reason)
    portal.pick("EC")
    portal.upload("File Upload", "key.pem", pem(ec.generate_private_key(ec.SECP384R1())))
    portal.press("Create")
    portal.refused("Elliptic curve name", "on the curve P-384")


def test_a_key_is_backed_up_deleted_purged_and_restored(portal: Portal, vault: str) -> None:
    portal.make_key(vault, "kept")
    portal.open(f"vaults/{vault}/keys/kept")
    portal.press("Rotate Now")
    portal.told("The key kept was rotated.")
    portal.open(f"vaults/{vault}/keys/kept")
    expect(portal.page.get_by_role("table", name="Older versions").get_by_role("link")).to_have_count(1)
    name, blob = portal.download("Download Backup")
    assert name == f"{vault}-kept.keybackup"
    portal.page.get_by_text("Delete this key").click()
    portal.press("Delete")
    portal.told("The key kept was deleted. It can be recovered.")
    # its name is taken until it is purged
    begin(portal, vault, "Generate")
    portal.fill("Name", "kept")
    portal.press("Create")
    portal.refused("Name", "its name cannot be reused")
    begin(portal, vault, "Restore Backup")
    expect(portal.page.get_by_label("Name", exact=True)).to_be_hidden()
    portal.upload("Backup file", name, blob)
    portal.press("Create")
    portal.refused("Backup file", "its name cannot be reused")
    portal.open(f"vaults/{vault}/deleted-keys")
    portal.page.get_by_text("Purge kept").first.click()
    portal.press("Purge kept")
    portal.refused("Type the key's name to confirm: kept", "Nothing was purged.")
    portal.fill("Type the key's name to confirm: kept", "kept")
    portal.press("Purge kept")
    portal.told("The key kept was purged.")
    begin(portal, vault, "Restore Backup")
    portal.upload("Backup file", name, blob[:-1] + b"!")
    portal.press("Create")
    portal.refused("Backup file", "The backup was changed")
    portal.press("Create")
    portal.refused("Backup file", "Choose the file that Download Backup gave.")
    portal.upload("Backup file", name, blob)
    portal.press("Create")
    portal.told("The key kept was restored.")


def test_a_deleted_key_is_recovered_and_under_protection_not_purged(portal: Portal) -> None:
    protected = portal.make_vault("Standard", protected=True)
    portal.make_key(protected, "kept")
    portal.open(f"vaults/{protected}/keys/kept")
    portal.page.get_by_text("Delete this key").click()
    portal.press("Delete")
    portal.page.get_by_text("Purge kept").first.click()
    portal.fill("Type the key's name to confirm: kept", "kept")
    portal.press("Purge kept")
    portal.refused("Type the key's name to confirm: kept", "purge protection is enabled for this vault")
    portal.press("Recover kept")
    portal.told("The key kept was recovered.")
    portal.heading("kept")


def test_a_key_or_version_that_there_is_not_is_told_so(portal: Portal, vault: str) -> None:
    for path in ("nothing", f"nothing/{'0' * 32}"):
        portal.open(f"vaults/{vault}/keys/{path}")
        portal.heading("Not found")


def test_many_keys_come_in_pages(portal: Portal) -> None:
    vault = portal.make_vault("Standard")
    for number in range(26):
        portal.page.request.post(
            f"{portal.base}/portal/vaults/{vault}/create-key",
            headers={"Origin": portal.base},
            multipart={
                "form_token": portal.page.locator("[name=form_token]").first.input_value(),
                "option": "generate",
                "name": f"key-{number:02}",
                "type": "EC",
                "curve": "P-256",
                "protection": "software",
                "enabled": "yes",
            },
            max_redirects=0,
        )
    portal.open(f"vaults/{vault}/keys")
    expect(portal.page.get_by_role("row")).to_have_count(1 + 25)
    portal.follow("Next page")
    expect(portal.page.get_by_role("row")).to_have_count(1 + 1)
    expect(portal.page.get_by_role("row", name="key-25")).to_be_visible()
