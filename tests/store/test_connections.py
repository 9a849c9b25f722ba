"""Connections to the database: what they notice by themselves."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from store.db import Database, open_connection


async def test_a_host_that_is_gone_is_noticed_within_a_minute(database: Database, url: str) -> None:
    parts = urlsplit(url)
    directory = parse_qs(parts.query)["host"][0]

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.5432")
        await asyncio.gather(copied(reader, back), copied(there, writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection: Any = await open_connection(
            f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
        )
        used = connection._transport.get_extra_info("socket")
        assert used.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if not hasattr(socket, "TCP_USER_TIMEOUT"):
            pytest.skip("this system cannot be told how long to wait")
        idle, between, times, unconfirmed = (
            used.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
        )
        assert idle + between * times <= 60
        assert 0 < unconfirmed <= 60_000
        assert await connection.fetchval("select 1") == 1
        await connection.close()


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
    writer.close()
