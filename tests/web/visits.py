"""A visit to a page with the widget: what is seen there, and what the page and the browser said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Error, Locator, Page

from tests.node_scripts import PACKAGES
from tests.web.site import HERE, Site

_AXE = PACKAGES / "axe-core" / "axe.min.js"
# Observers are told in the order in which they were made: the widget's was, before ours.
_FRAME = "new Promise((told) => new IntersectionObserver(told).observe(document.body))"


@asynccontextmanager
async def visiting(browser: Browser, site: Site) -> AsyncIterator[Visit]:
    """A visit by somebody who has been nowhere before."""
    context = await browser.new_context()
    context.set_default_timeout(10_000)
    try:
        yield Visit(await context.new_page(), site)
    finally:
        await context.close()


class Visit:
    """A page, and what it said; the widget's seconds pass only where the test lets them."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.prompt = page.locator("ikusei-prompt").first
        self.said: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"thrown: {error}"))

    @property
    def card(self) -> Locator:
        """The prompt itself."""
        return self.prompt.locator("section")

    async def shows(self) -> None:
        """Wait until the prompt is there."""
        try:
            await self.card.wait_for(timeout=10_000)
        except Error as error:
            raise AssertionError(self.said) from error

    def button(self, name: str) -> Locator:
        """What can be pressed, by its name."""
        return self.prompt.get_by_role("button", name=name, exact=True)

    async def open(self, name: str = "home.html", member: str = "ann", text: str = "") -> None:
        """Open a page, with ``text`` in place of what stands there by that name."""
        if text:
            self.site.pages[name] = text
        await self.page.clock.install(time=0)
        await self.page.clock.pause_at(1)
        await self.page.goto(f"{self.site.base}/as/{member}/{name}")
        await self.frame()

    async def open_with(self, widgets: str, member: str = "ann", lang: str = "en") -> None:
        """Open the home page in a language, with other widgets than it has."""
        text = (HERE / "home.html").read_text(encoding="utf-8")
        before, _, rest = text.partition("<ikusei-prompt")
        _, _, after = rest.partition("</ikusei-prompt>")
        before = before.replace('lang="en"', f'lang="{lang}"')
        await self.open("other.html", member, text=f"{before}{widgets}{after}")

    async def frame(self) -> None:
        """Wait until the page has been drawn, and observers have seen it."""
        await self.page.evaluate(_FRAME)

    async def after(self, seconds: float) -> None:
        """Let time pass, and the page be drawn before and afterwards."""
        await self.frame()
        await self.page.clock.run_for(int(seconds * 1000))
        await self.frame()

    async def heard(self, *names: str) -> list[Any]:
        """What the page heard of the widget, once it was all of ``names`` in this order."""
        told = "(names) => heard.map(([name]) => name).join() === names.join()"
        try:
            await self.page.wait_for_function(told, arg=list(names), timeout=10_000)
        finally:
            found: list[Any] = await self.page.evaluate("heard")
        return found

    async def violations(self) -> list[str]:
        """What axe finds wrong, or cannot tell, with all of its rules."""
        # It waits for moments of its own.
        await self.page.clock.resume()
        await self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate("axe.run()")
        assert {"button-name", "color-contrast", "region"} <= {one["id"] for one in found["passes"]}
        return [
            f"{one['id']}: {node['html']} {node['failureSummary']}"
            for one in (*found["violations"], *found["incomplete"])
            for node in one["nodes"]
        ]
