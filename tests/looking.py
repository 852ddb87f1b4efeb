"""What every page is held to: accessible by axe-core's rules, nothing wider than its window, nothing from elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from playwright.sync_api import Browser, Page, Request

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
#: WCAG 2.2 level AA and what leads there, and axe-core's own advice
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def window(browser: Browser, *, width: int = 1280, height: int = 900, **options: Any) -> Iterator[Page]:
    """A page in a context of its own. Whatever the console of the browser reports as an error fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if _is_fault(message) else None)
    try:
        yield page
    finally:
        context.close()
    assert not errors, errors


def whole(page: Page) -> str:
    """The page as it stands once it has come in whole: a click returns while the rest of the page is still read."""
    page.wait_for_load_state()
    return page.content()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong on the page once nothing moves any more: the rule, and the elements."""
    page.wait_for_load_state()
    page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")
    page.evaluate(AXE)
    result = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes']]}" for each in result["violations"]]


def require_accessible(page: Page) -> None:
    """No rule of axe-core's is broken, and the page does not scroll sideways."""
    found = violations(page)
    assert not found, f"{page.url}: {found}"
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{page.url} is {overflow} px wider than its window"


def foreign_requests(page: Page, origin: str) -> list[str]:
    """A list that grows with every request that leaves `origin`."""
    found: list[str] = []

    def look(request: Request) -> None:
        if not request.url.startswith((origin, "data:", "blob:")):
            found.append(request.url)

    page.on("request", look)
    return found


def _is_fault(message: Any) -> bool:
    """Errors of scripts and of the content security policy; that a form was refused with a 4xx is none."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")
