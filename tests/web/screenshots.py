"""The widget on the page of the guide, for a member of every status of the made-up community.

``python -m tests.web.screenshots [FOLDER]``, which is `make screenshots`, fills the community into
a database of its own, serves it, and takes pictures in both languages, light and dark, wide and
narrow. ``python -m tests.web.screenshots --serve``, which is `make widget`, prints the addresses of
the pages instead, to be opened in a browser of one's own, and serves them until Ctrl-C.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser

from tests.databases import directory
from tests.node_scripts import HOUSE
from tests.web.browser import browsing
from tests.web.community import STATUSES, community
from tests.web.site import EXAMPLE, site_of

_SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_WIDTHS: Final = {"wide": 800, "narrow": 360}
#: The session of the guide's page.
_SESSION: Final = "3f2a9c1e"


@dataclass(frozen=True)
class Shown:
    """A page that shows a prompt, and what the prompt is."""

    name: str
    address: str
    kind: str
    title: str


@asynccontextmanager
async def pages() -> AsyncIterator[list[Shown]]:
    """A page for every status and language, served while this lasts."""
    print("Filling a made-up community …", flush=True)
    found = []
    with directory() as place:
        async with community(Path(place)) as people, site_of(people.base) as site:
            for status in STATUSES:
                for language in ("en", "ja"):
                    guest = await people.guest([status], language=language.upper())
                    name = f"{status.lower()}-{language}"
                    site.pages[name] = _page(guest.session, language)
                    address = f"{site.base}/as/{guest.name}/{name}"
                    prompt = guest.prompt
                    found.append(Shown(name, address, prompt["kind"].lower(), prompt["title"]))
            yield found


def _page(session: str, language: str) -> str:
    return EXAMPLE.replace(_SESSION, session).replace('lang="en"', f'lang="{language}"')


async def take(folder: Path) -> None:
    """Take all pictures into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    async with pages() as found, browsing() as browser:
        for one in found:
            print(f"{one.name:<15} {one.kind:<18} {one.title}", flush=True)
            for scheme in _SCHEMES:
                await _pictures(browser, one, scheme, folder)
    print(f"{len(found) * len(_SCHEMES) * len(_WIDTHS)} pictures in {folder}")


async def _pictures(
    browser: Browser, shown: Shown, scheme: Literal["light", "dark"], folder: Path
) -> None:
    context = await browser.new_context(color_scheme=scheme, device_scale_factor=2)
    page = await context.new_page()
    await page.goto(shown.address)
    await page.locator("ikusei-prompt section").wait_for()
    await page.wait_for_load_state("networkidle")
    for size, width in _WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": 300})
        picture = folder / f"{shown.name}-{scheme}-{size}.png"
        await page.screenshot(path=picture, full_page=True, animations="disabled")
    await context.close()


async def serve() -> None:
    """Print the addresses, and serve them until Ctrl-C."""
    async with pages() as found:
        for one in found:
            print(f"{one.name:<15} {one.address}  {one.kind}")
        print("Ctrl-C stops it.", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve())
    else:
        named = [Path(place) for place in sys.argv[1:2]]
        asyncio.run(take(*(named or [HOUSE / "build" / "screenshots"])))
