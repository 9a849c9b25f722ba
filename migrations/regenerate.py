"""Write the first migration anew from store/tables.py: ``python -m migrations.regenerate``.

Only until the first release, while no database has to be kept: from then on a change of the tables
is a new file in versions/, and this program goes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from store.embedded import ensure
from store.migrate import in_alembic

FIRST = Path(__file__).parent / "versions" / "0001_first.py"


def _write(config: Config) -> None:
    command.revision(config, "The tables of the first release.", autogenerate=True, rev_id="0001")


async def regenerate() -> None:
    """Replace versions/0001_first.py, by comparing the tables with an empty database."""
    FIRST.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        embedded = await ensure(Path(directory))
        try:
            await in_alembic(embedded.url, _write)
        finally:
            await embedded.release()
    (written,) = FIRST.parent.glob("0001_*.py")
    written.rename(FIRST)


def tidy() -> None:
    """Drop the imports that the written file does not need, and lay it out."""
    ruff = [sys.executable, "-m", "ruff"]
    for step in (["check", "--select", "F401,I", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([*ruff, *step, str(FIRST)], check=True)


if __name__ == "__main__":
    asyncio.run(regenerate())
    tidy()
