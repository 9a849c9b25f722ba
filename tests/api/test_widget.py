"""GET /widget.js: the module as it stands in web/widget, for pages of any origin and for caches."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.widget import asked_by_widget
from store.db import Database
from tests.api.stand_in import app_of, client_of
from tests.node_scripts import HOUSE

WIDGET = (HOUSE / "web" / "widget" / "widget.js").read_bytes()


@pytest.fixture
async def page(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key, of another origin."""
    app = app_of(database)
    transport = httpx.ASGITransport(app)
    origin = {"origin": "https://site.example"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://ikusei", headers=origin) as client,
    ):
        yield client


async def test_it_is_served_as_it_is_to_everybody(page: httpx.AsyncClient) -> None:
    answer = await page.get("/widget.js", headers={"accept-encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, WIDGET)
    headers = dict(answer.headers)
    assert headers.pop("x-request-id")
    assert headers.pop("etag")
    assert headers == {
        "access-control-allow-origin": "*",
        "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
        "content-length": str(len(WIDGET)),
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "content-type": "text/javascript; charset=utf-8",
        "cross-origin-resource-policy": "cross-origin",
        "referrer-policy": "no-referrer",
        "vary": "accept-encoding",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize("accepted", ["gzip", "br;q=1.0, gzip;q=0.8", "*", "GZIP"])
async def test_it_comes_packed_to_whoever_takes_that(
    page: httpx.AsyncClient, accepted: str
) -> None:
    async with page.stream("GET", "/widget.js", headers={"accept-encoding": accepted}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(raw) == WIDGET
    assert len(raw) == int(answer.headers["content-length"]) < 10_000


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, br"])
async def test_it_comes_plain_to_others(page: httpx.AsyncClient, accepted: str) -> None:
    answer = await page.get("/widget.js", headers={"accept-encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.content == WIDGET


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_who_has_it_is_not_sent_it_again(page: httpx.AsyncClient, accepted: str) -> None:
    first = await page.get("/widget.js", headers={"accept-encoding": accepted})
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        headers = {"accept-encoding": accepted, "if-none-match": known}
        again = await page.get("/widget.js", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary", "access-control-allow-origin"):
            assert again.headers[name] == first.headers[name]
    other = {"accept-encoding": accepted, "if-none-match": '"other"'}
    assert (await page.get("/widget.js", headers=other)).content == WIDGET


async def test_each_encoding_has_a_tag_of_its_own(page: httpx.AsyncClient) -> None:
    tags = {
        (await page.get("/widget.js", headers={"accept-encoding": accepted})).headers["etag"]
        for accepted in ("gzip", "identity")
    }
    assert len(tags) == 2


async def test_head_tells_the_same(page: httpx.AsyncClient) -> None:
    plain = {"accept-encoding": "identity"}
    whole = await page.get("/widget.js", headers=plain)
    head = await page.head("/widget.js", headers=plain)
    assert head.status_code == 200
    ignored = {"x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in ignored} == {
        name: value for name, value in whole.headers.items() if name not in ignored
    }


async def test_it_takes_nothing(page: httpx.AsyncClient) -> None:
    refused = await page.post("/widget.js", json={})
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_named_origins_may_have_it_too(database: Database) -> None:
    app = app_of(database, origins=["https://site.example"])
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://ikusei") as client,
    ):
        for origin in ("https://site.example", "https://other.example"):
            answer = await client.get("/widget.js", headers={"origin": origin})
            assert answer.headers.get_list("access-control-allow-origin") in (["*"], [origin])


async def test_what_it_asks_is_run_where_only_registered_documents_are(
    database: Database, site_key: str, tmp_path: Path
) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps({"a": "{ hello }"}), encoding="utf-8")
    app = app_of(database, documents=file, documents_only=True)
    async with app.router.lifespan_context(app), client_of(app, site_key) as client:
        for text, code in (
            *((text, "INVALID_DOCUMENT") for text in asked_by_widget().values()),
            ("{ thing { name } }", "DOCUMENT_NOT_ALLOWED"),
        ):
            answer = await client.post("/graphql", json={"query": text})
            assert answer.json()["errors"][0]["extensions"]["code"] == code
