"""Signals that end a program: asked once, ordered twice, and not at all where nohup started it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from api.console import stopped_by_signals


@pytest.fixture
def closed_terminal() -> Iterator[None]:
    # Whatever started the tests may itself be deaf to a closed terminal.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("closed_terminal")
async def test_every_signal_to_end_is_heard(
    kind: signal.Signals, capfd: pytest.CaptureFixture[str]
):
    asked = asyncio.Event()
    with stopped_by_signals(asked.set):
        os.kill(os.getpid(), kind)
        async with asyncio.timeout(10):
            await asked.wait()
    # What is closed and released afterwards is not cut short.
    os.kill(os.getpid(), kind)
    for _ in range(100):
        await asyncio.sleep(0)
    assert "stopping" in capfd.readouterr().err


@pytest.mark.usefixtures("closed_terminal")
async def test_what_nohup_started_outlives_its_terminal():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asked = asyncio.Event()
    with stopped_by_signals(asked.set):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await asked.wait()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
