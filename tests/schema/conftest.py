"""Fixtures of the schema's tests."""

from __future__ import annotations

import pytest

from store.db import Database
from tests.schema.asking import Asker


@pytest.fixture
def ask(database: Database) -> Asker:
    return Asker(database)
