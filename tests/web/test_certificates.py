"""Client certificates at the console: made with a user, for oneself, uploaded, and revoked."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.certificates import own
from tests.looking import require_accessible, whole, window
from tests.web.conftest import Served, sign_in

from keyferry.testing import PASSWORD

FILE_PASSWORD = "of-the-file-alone-42"  # for tests


def fill_new_user(page: Page, name: str) -> None:
    page.goto("/users/new")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm Password").fill(PASSWORD)


def test_a_certificate_is_made_with_a_user_and_downloaded_once(page: Page, console: Served, tmp_path: Path) -> None:
    sign_in(page)
    fill_new_user(page, "cert-ada")
    expect(page.get_by_label("Certificate Name")).to_be_hidden()
    page.get_by_label("Generate").check()
    page.get_by_label("Certificate Name").fill("laptop")
    page.get_by_label("Password of the file").fill("short")
    require_accessible(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("fewer than 12 bytes")
    require_accessible(page)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Confirm Password").fill(PASSWORD)
    page.get_by_label("Password of the file").fill(FILE_PASSWORD)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The user cert-ada was created.")).to_be_visible()
    require_accessible(page)
    file = tmp_path / "laptop.p12"
    downloading.value.save_as(file)
    assert downloading.value.suggested_filename == "cert-ada-laptop.p12"
    told = subprocess.run(
        ["/usr/bin/openssl", "pkcs12", "-in", file, "-passin", f"pass:{FILE_PASSWORD}", "-noenc"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "CN = cert-ada" in told.stdout
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row").filter(has_text="laptop")
    expect(row).to_contain_text("by another")
    require_accessible(page)
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("The certificate laptop was revoked.")
    expect(page.get_by_role("row").filter(has_text="laptop")).to_have_count(0)


def test_a_user_with_a_certificate_that_somebody_has_already(page: Page, console: Served, tmp_path: Path) -> None:
    kim, mine = console.kit.user("cert-kim"), own("shared")
    console.kit.custody.certificates.upload(kim, "card", mine.pem)
    file = tmp_path / "mine.pem"
    file.write_bytes(mine.pem)
    sign_in(page)
    fill_new_user(page, "cert-lee")
    page.get_by_label("Upload").check()
    page.get_by_label("Certificate Name").fill("card")
    page.get_by_label("Certificate", exact=True).set_input_files(file)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="cert-lee")).to_be_visible()
    expect(page.get_by_text("Without a certificate: This certificate is bound already")).to_be_visible()


def test_for_oneself_uploaded_and_generated(page: Page, console: Served, tmp_path: Path) -> None:
    console.kit.user("cert-mia")
    sign_in(page, "cert-mia")
    page.goto("/account")
    page.get_by_role("link", name="Add a client certificate").click()
    require_accessible(page)
    mine = own("mia's card")
    both, alone = tmp_path / "both.pem", tmp_path / "alone.pem"
    both.write_bytes(mine.with_key)
    alone.write_bytes(mine.pem)
    page.get_by_label("Upload").check()
    page.get_by_label("Certificate Name").fill("card")
    page.get_by_label("Certificate", exact=True).set_input_files(both)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("A private key came with the certificate. It was not kept.")
    assert "PRIVATE KEY" not in whole(page)
    page.get_by_label("Certificate", exact=True).set_input_files(alone)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("The certificate card was taken.")
    expect(page.get_by_role("row").filter(has_text="card")).to_contain_text("CN=mia's card")
    page.get_by_role("link", name="Add a client certificate").click()
    page.get_by_label("Certificate Name").fill("nightly")
    page.get_by_label("PEM", exact=False).first.check()
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Save").click()
    assert downloading.value.suggested_filename == "cert-mia-nightly.pem"
    page.goto("/account")
    page.get_by_role("row").filter(has_text="nightly").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("The certificate nightly was revoked.")


@pytest.mark.parametrize("width", [360, 1024])
def test_pages_fit(console: Served, chromium: Browser, width: int) -> None:
    kit, name = console.kit, f"cert-narrow-{width}"
    kim = kit.user(name)
    with window(chromium, width=width, base_url=console.url, ignore_https_errors=True) as page:
        sign_in(page, name)
        kit.custody.certificates.upload(kim, "a card with a rather long name", own("x" * 60).pem)
        for path in ("/account", "/account/certificates/new"):
            page.goto(path)
            require_accessible(page)


def test_others_certificates_are_nobodys_business(console: Served) -> None:
    kim = console.kit.user("cert-nele")
    row = console.kit.custody.certificates.upload(kim, "card", own("nele").pem)
    console.kit.user("cert-otto")
    with console.client() as client:
        client.post("/sign-in", data={"user_name": "cert-otto", "password": PASSWORD})
        assert client.get("/users/cert-nele/certificates/new").status_code == 403
        form = client.get("/account").text.partition('name="csrf" value="')[2].partition('"')[0]
        answer = client.post("/account/certificates/revoke", data={"csrf": form, "certificate": row.id})
        assert answer.status_code == 404
        answer = client.post("/account/certificates/revoke", data={"certificate": row.id})
        assert answer.status_code == 422
    assert console.kit.custody.certificates.show(kim, row.id).certificate.revoked_at is None
