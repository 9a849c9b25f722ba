"""An application on a real socket, in the process of the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from api.commands.serve import configured


@asynccontextmanager
async def on_socket(app: Starlette) -> AsyncIterator[str]:
    """Serve the application as `ikusei serve` does; gives host and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(configured(app))
    # Signals are for whoever runs the tests.
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server._serve(sockets=[listener]))
    try:
        while not server.started:
            await asyncio.sleep(0)
            assert not serving.done(), serving
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.service.live.stop()
        server.should_exit = True
        await serving
        listener.close()
