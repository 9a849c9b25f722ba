"""The browser of the tests: a Chromium from the packages of tests/node, which needs no installing.

Another one is taken where the variable CHROMIUM names it, and the machine's own where there is none
for its kind among the packages.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.node_scripts import PACKAGES, run

_UNPACKED = PACKAGES / ".chromium"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Nothing is asked of anybody but the servers of the tests.
_QUIET = ("--disable-background-networking", "--disable-component-update", "--no-first-run")
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{place}/fonts</dir><cachedir>{place}/cache</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Program:
    """A browser on this machine, and what it needs in its environment."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def program() -> Program | None:
    """The browser that is taken; None where there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Program(Path(named))
    if (_UNPACKED / "chromium").exists():
        libraries = {"LD_LIBRARY_PATH": str(_UNPACKED / "al2023" / "lib")}
        return Program(
            _UNPACKED / "chromium",
            libraries | {"FONTCONFIG_FILE": str(_UNPACKED / "fonts.conf")},
        )
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Program(Path(found)) if found else None


def unpack() -> None:
    """Unpack the Chromium of the packages, where it is one for this kind of machine."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64") or _UNPACKED.exists():
        return
    print("Unpacking Chromium …", flush=True)
    place = Path(tempfile.mkdtemp(dir=PACKAGES))
    run("unpack.js", TMPDIR=str(place))
    (place / "fonts.conf").write_text(_FONTS.format(place=_UNPACKED), encoding="utf-8")
    # All of it, or nothing.
    place.rename(_UNPACKED)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """The browser, without a window, while this lasts."""
    chosen = program()
    assert chosen is not None, "no Chromium on this machine: run `make tools`, or set CHROMIUM"
    with tempfile.TemporaryDirectory(prefix="ikusei-browser-") as home:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=chosen.path,
                args=_QUIET,
                env={**os.environ, "HOME": home, **chosen.environment},
            )
            try:
                yield browser
            finally:
                await browser.close()


if __name__ == "__main__":
    unpack()
