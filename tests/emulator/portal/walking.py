"""Going through the portal as a person does: signed in, from page to page, by what the pages say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect
from tests.emulator.calling import unique
from tests.looking import foreign_requests, window

from keyferry.emulator.server import Running

KEK_OPTION = "Generate Key Encryption Key for importing HSM-protected keys"


@dataclass(frozen=True, slots=True)
class Portal:
    """A person's window, at the portal of an emulator."""

    page: Page
    base: str

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.base}/portal/{path}")

    def heading(self, text: str) -> None:
        """Wait for the page with this heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).fill(value)

    def choose(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).select_option(label=value)

    def pick(self, label: str) -> None:
        self.page.get_by_role("radio", name=label, exact=True).check()

    def upload(self, label: str, name: str, content: bytes) -> None:
        file: Any = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.get_by_label(label, exact=True).set_input_files(file)

    def told(self, text: str) -> None:
        """A message in the top right corner."""
        expect(self.page.get_by_role("status").first).to_have_text(text)

    def refused(self, label: str, reason: str) -> None:
        """The form is shown again: its summary has the focus, and the reason stands beside the field, tied to it."""
        summary = self.page.get_by_role("group", name="There is a problem")
        expect(summary).to_be_focused()
        expect(summary).to_contain_text(reason)
        field = self.field(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        assert reason in self.described(field)

    def field(self, label: str) -> Locator:
        """The field of a label, or the group of a legend."""
        group = self.page.get_by_role("radiogroup", name=label, exact=True)
        return self.page.get_by_label(label, exact=True).or_(group).first

    def described(self, field: Locator) -> str:
        ids = (field.get_attribute("aria-describedby") or "").split()
        return " ".join(self.page.locator(f"[id='{each}']").inner_text() for each in ids)

    def download(self, name: str) -> tuple[str, bytes]:
        """Press what downloads a file: its name and its content."""
        what = self.page.get_by_role("link", name=name, exact=True).or_(
            self.page.get_by_role("button", name=name, exact=True)
        )
        with self.page.expect_download() as waiting:
            what.click()
        return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()

    def make_vault(self, tier: str = "Premium", *, name: str | None = None, protected: bool = False) -> str:
        """Create a key vault in the group that is there; its name."""
        made = name or unique("pv")
        self.open()
        self.follow("Create key vault")
        self.choose("Resource group", "keyferry-a")
        self.fill("Key vault name", made)
        self.choose("Pricing tier", tier)
        if protected:
            self.pick("Enable purge protection")
        self.press("Review + create")
        self.press("Create")
        self.told(f"The key vault {made} was created.")
        return made

    def make_key(self, vault: str, name: str, option: str = "Generate") -> None:
        self.open(f"vaults/{vault}/keys")
        self.follow("Create a key")
        self.pick(option)
        self.fill("Name", name)
        self.press("Create")
        self.heading("Keys")

    def open_current_version(self, vault: str, key: str) -> None:
        self.open(f"vaults/{vault}/keys/{key}")
        self.page.get_by_role("table", name="Current version").get_by_role("link").click()
        self.heading(f"Key version of {key}")


@contextmanager
def walking(browser: Browser, served: Running, *, sign_in: bool = True, **options: Any) -> Iterator[Portal]:
    """A window at the portal, signed in. Whatever it loads from elsewhere fails the test."""
    with window(browser, ignore_https_errors=True, **options) as page:
        foreign = foreign_requests(page, served.url)
        portal = Portal(page, served.url)
        if sign_in:
            portal.open()
            portal.press("Sign in")
            portal.heading("Key vaults")
        yield portal
        assert foreign == []
