"""A community site that shows prompts: pages under a strict policy, tokens, and what it passes on.

As a site does behind one address, it passes /widget.js and /graphql on to Ikusei; a test may answer
/graphql itself instead.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.api.key_server import ISSUER, key_of, key_set, signed
from tests.node_scripts import HOUSE, PACKAGES

HERE = Path(__file__).parent / "pages"
_GUIDE = (HOUSE / "docs" / "how-to" / "widget.md").read_text("utf-8")
#: The page and the module of docs/how-to/widget.md.
EXAMPLE: str = re.findall(r"```html\n(.*?)```", _GUIDE, re.DOTALL)[0]
_MODULE: str = re.findall(r"```js\n(.*?)```", _GUIDE, re.DOTALL)[0]
WIDGET = HOUSE / "web" / "widget" / "widget.js"
#: Nothing but the site's own files runs, is asked or gives the look; no text is ever made code.
STRICT = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_FONT = PACKAGES / "@fontsource-variable" / "noto-sans-jp"
_PASSED = ("accept", "authorization", "content-type")

_KEY = key_of()

Answer = Callable[[Any], Awaitable[Response]]


class Site:
    """A site at ``base``; ``service`` is where its Ikusei is, ``asked`` what its pages asked it."""

    def __init__(self, service: str = "") -> None:
        self.base = ""
        self.service = service
        self.answer: Answer | None = None
        self.policy = STRICT
        self.script = "/widget.js"
        self.css = ""
        self.token: Callable[[str], str] = token_of
        self.pages: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.credentials: list[str | None] = []
        self.tokens = 0
        self._news = asyncio.Condition()

    def asked_for(self, operation: str) -> list[dict[str, Any]]:
        """The variables of all operations of a name that were asked for."""
        return [one["variables"] for one in self.asked if one["operationName"] == operation]

    def outcomes(self) -> list[str]:
        """The outcomes that were told, in order."""
        return [one["outcome"] for one in self.asked_for("IkuseiAcknowledge")]

    async def heard(self, operation: str, times: int = 1) -> list[dict[str, Any]]:
        """The variables of an operation, once it was answered so many times."""
        async with self._news, asyncio.timeout(20):
            await self._news.wait_for(lambda: len(self.asked_for(operation)) >= times)
        return self.asked_for(operation)

    async def page(self, request: Request) -> Response:
        """A page, as ``member`` sees it."""
        name = request.path_params["name"]
        text = self.pages[name] if name in self.pages else (HERE / name).read_text("utf-8")
        text = text.replace("/widget.js", self.script)
        headers = {"content-security-policy": self.policy, "cache-control": "no-store"}
        return Response(text, headers=headers, media_type="text/html")

    async def style(self, _request: Request) -> Response:
        """The look of the pages."""
        text = (HERE / "site.css").read_text("utf-8")
        return PlainTextResponse(text + self.css, media_type="text/css")

    async def give_token(self, request: Request) -> Response:
        """A token for the member whose page asks, as others have it from a session."""
        self.tokens += 1
        return PlainTextResponse(self.token(request.headers["referer"].split("/")[4]))

    async def module(self, _request: Request) -> Response:
        """What the guide has the site's pages do."""
        return PlainTextResponse(_MODULE, media_type="text/javascript")

    async def widget(self, _request: Request) -> Response:
        """The widget: of the service, or as it stands in the repository."""
        if not self.service:
            return FileResponse(WIDGET, media_type="text/javascript")
        async with httpx.AsyncClient() as client:
            got = await client.get(f"{self.service}/widget.js")
        return Response(got.content, media_type=got.headers["content-type"])

    async def graphql(self, request: Request) -> Response:
        """What pages ask, passed on."""
        asked = json.loads(body := await request.body())
        try:
            if self.answer is not None:
                return await self.answer(asked)
            headers = {one: request.headers[one] for one in _PASSED if one in request.headers}
            async with httpx.AsyncClient(timeout=30) as client:
                got = await client.post(f"{self.service}/graphql", content=body, headers=headers)
            return Response(got.content, got.status_code, media_type=got.headers["content-type"])
        finally:
            async with self._news:
                self.asked.append(asked)
                self.credentials.append(request.headers.get("cookie"))
                self._news.notify_all()


def token_of(member: str, at: datetime | None = None) -> str:
    """A token of a moment, or of now."""
    now = int(time.time() if at is None else at.timestamp())
    claims = {"iss": ISSUER, "aud": "ikusei", "sub": member, "iat": now, "exp": now + 600}
    return signed(claims, key=_KEY)


def settings_of(directory: Path) -> dict[str, str]:
    """The settings by which a service knows the site's members."""
    file = directory / "jwks.json"
    file.write_bytes(key_set(_KEY))
    return {"IKUSEI_JWT_JWKS": str(file), "IKUSEI_JWT_ISSUER": ISSUER}


@asynccontextmanager
async def site_of(service: str = "") -> AsyncIterator[Site]:
    """A site on this machine, while this lasts."""
    site = Site(service)
    routes = [
        Route("/graphql", site.graphql, methods=["POST"]),
        Route("/widget.js", site.widget),
        Route("/files/site.css", site.style),
        Route("/community.css", site.style),
        Route("/community.js", site.module),
        Route("/ikusei-token", site.give_token),
        Route("/as/{member}/{name:path}", site.page),
        Mount("/font", StaticFiles(directory=_FONT)),
        Mount("/files", StaticFiles(directory=HERE)),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes), port=0, lifespan="off", ws="none", log_config=None
    )
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    site.base = f"http://127.0.0.1:{socket.getsockname()[1]}"
    running = asyncio.create_task(server.serve([socket]))
    try:
        yield site
    finally:
        server.should_exit = server.force_exit = True
        await running
        socket.close()
