"""A browser, and pages of a site in it that must not complain."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.web.browser import browsing, program
from tests.web.site import Site, site_of
from tests.web.visits import Visit, visiting


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if program() is None:
        why = "no Chromium on this machine: run `make tools`, or set CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    async with browsing() as opened:
        yield opened


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A site whose service is played by the test."""
    async with site_of() as opened:
        yield opened


@pytest.fixture
async def visit(browser: Browser, site: Site) -> AsyncIterator[Visit]:
    """A visit to the site, by somebody who has been nowhere before."""
    async with visiting(browser, site) as opened:
        yield opened
