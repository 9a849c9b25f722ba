"""Write the next migration, by comparing the tables with a database at the newest one.

``python -m migrations.next WORD "What it is for."`` makes ``versions/NUMBER_WORD.py``. Read it
through, add what a comparison cannot know, and set ``NEWEST`` in store/db.py to its number.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from store.embedded import ensure
from store.migrate import in_alembic

_VERSIONS = Path(__file__).parent / "versions"


async def write(word: str, message: str) -> Path:
    """Write the next migration and return its file."""
    number = f"{max(int(file.name[:4]) for file in _VERSIONS.glob('0*.py')) + 1:04}"

    def upgrade(config: Config) -> None:
        command.upgrade(config, "head")

    def compare(config: Config) -> None:
        head = ScriptDirectory.from_config(config).get_current_head()
        command.revision(config, message, autogenerate=True, rev_id=number, head=head or "base")

    with tempfile.TemporaryDirectory() as directory:
        embedded = await ensure(Path(directory))
        try:
            await in_alembic(embedded.url, upgrade)
            await in_alembic(embedded.url, compare)
        finally:
            await embedded.release()
    (written,) = _VERSIONS.glob(f"{number}_*.py")
    return written.rename(_VERSIONS / f"{number}_{word}.py")


def tidy(file: Path) -> None:
    """Drop the imports that the written file does not need, and lay it out."""
    ruff = [sys.executable, "-m", "ruff"]
    for step in (["check", "--select", "F401,I", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([*ruff, *step, str(file)], check=True)


if __name__ == "__main__":
    tidy(asyncio.run(write(sys.argv[1], sys.argv[2])))
