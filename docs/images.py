"""Take the pictures of docs/images/ anew: the main pages, as they are after `keyferry demo`.

    python docs/images.py

It plays the demo, keeps its servers, looks at the pages in Debian's Chromium, and ends the servers again.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium-headless-shell")
WIDTH, HEIGHT = 1200, 780


def main() -> None:
    """Play, look, end."""
    with tempfile.TemporaryDirectory(prefix="keyferry-images-") as folder:
        running = play(Path(folder) / "demo")
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
                take(browser, running)
                browser.close()
        finally:
            for server in ("keyferry", "emulator"):
                os.kill(running[server]["process"], signal.SIGTERM)


def play(home: Path) -> dict[str, Any]:
    """Run the demo in `home`; answers where its servers are."""
    command = [sys.executable, "-m", "keyferry", "demo", "--keep", "--json", "--home", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)["running"]
    return found


def take(browser: Browser, running: dict[str, Any]) -> None:
    """Every picture."""
    shutil.rmtree(IMAGES, ignore_errors=True)
    IMAGES.mkdir()
    keyferry = running["keyferry"]
    for user, pages in KEYFERRY.items():
        page = window(browser, keyferry["url"])
        page.goto("/sign-in")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(Path(keyferry["users"][user]).read_text().strip())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        for name, steps in pages.items():
            shoot(page, name, steps)
        page.context.close()
    page = window(browser, running["emulator"]["url"])
    page.goto("/portal/")
    page.get_by_role("button", name="Sign in").click()
    for name, steps in PORTAL.items():
        shoot(page, name, steps)
    page.context.close()


def window(browser: Browser, url: str) -> Page:
    """A page whose paths are those of a server."""
    context = browser.new_context(
        base_url=url, viewport={"width": WIDTH, "height": HEIGHT}, ignore_https_errors=True, color_scheme="light"
    )
    return context.new_page()


def shoot(page: Page, name: str, steps: tuple[str, ...]) -> None:
    """Go to a page, through links by their words after the first step, which is a path; keep its picture."""
    path, *links = steps
    page.goto(path)
    for words in links:
        page.get_by_role("link", name=words).first.click()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=str(IMAGES / f"{name}.png"))


#: user -> picture -> path, and the links to follow from there
KEYFERRY: dict[str, dict[str, tuple[str, ...]]] = {
    "kim": {
        "keys": ("/keys",),
        "add-key": ("/keys/new",),
        "key": ("/keys", "customer-key-1"),
        "export-key": ("/keys", "customer-key-1", "Export Key"),
    },
    "admin": {"dashboard": ("/",), "audit": ("/audit",)},
}
PORTAL: dict[str, tuple[str, ...]] = {
    "portal-create-key": ("/portal/vaults/contoso-ck-1/create-key",),
    "portal-keys": ("/portal/vaults/contoso-ck-1/keys",),
}


if __name__ == "__main__":
    main()
