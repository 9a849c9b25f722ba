"""Rules of the house that no other tool checks: read from the source, not from running it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

# What is read for one of them is read for all.
pytestmark = pytest.mark.xdist_group("house")

HOUSE = Path(__file__).parent.parent
ROOMS = ("api", "schema", "store", "engagement", "sources", "migrations", "bench", "web")
THOUGHT = ("engagement", "sources")
#: The only files that begin or end a transaction.
_COMMITTERS = {"store/db.py", "store/migrate.py"}
_SQL = re.compile(
    r"^\s*(select\b.+\bfrom\b|insert\s+into\b|update\s+\w+\s+set\b|delete\s+from\b|with\s+\w+\s+as\b)",
    re.IGNORECASE | re.DOTALL,
)
#: What tells the time or draws at random, by the end of its dotted name.
_IMPURE = re.compile(
    r"(^|\.)(datetime\.(now|today|utcnow)|date\.today|time\.(time|time_ns|monotonic|perf_counter)"
    r"|uuid[14]|os\.(urandom|environ|getenv))$"
)
_DRAWS = re.compile(r"^(random|np\.random|numpy\.random|secrets)\.(?P<what>\w+)$")
#: Generators that are told their seed.
_SEEDED = {"Random", "default_rng", "Generator", "PCG64", "SeedSequence", "Philox"}

_PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "CC-BY-4.0",  # a table of browsers that Babel reads; nothing of ours holds it
    "ISC",
    "MIT",
    "MPL-2.0",  # axe, which looks at pages in tests; nothing of ours holds it
    "OFL-1.1",  # the font of the screenshots
    "(MIT OR Apache-2.0)",
    "Python-2.0",
}


def _trees(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((HOUSE / room).rglob("*.py")):
            yield path.relative_to(HOUSE).as_posix(), _parsed(path)


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """All string constants but docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_distribution_shadows_a_room(room: str) -> None:
    assert Path(import_module(room).__file__ or "").is_relative_to(HOUSE)


def test_sql_stands_in_store_only() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _trees("api", "schema", "engagement", "sources")
        for node in _strings(tree)
        if isinstance(node.value, str) and _SQL.search(node.value)
    ]
    assert found == []


def test_one_place_commits() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _trees("api", "schema", "store", "engagement", "sources")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"transaction", "commit", "rollback"}
        and name not in _COMMITTERS
    ]
    assert found == []


def test_the_audit_log_is_only_added_to() -> None:
    """But for what erasing a member takes out of it."""
    changes = re.compile(
        r"\b(?:update|delete\s+from|truncate)\s+(?:only\s+)?audit_entry\b", re.IGNORECASE
    )
    found = [
        name
        for name, tree in _trees(*ROOMS)
        for node in _strings(tree)
        if isinstance(node.value, str) and changes.search(node.value)
    ]
    assert found == ["store/audit.py"]


def test_thought_takes_time_chance_and_surroundings_as_arguments() -> None:
    found = []
    for name, tree in _trees(*THOUGHT):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute | ast.Name):
                continue
            dotted = _dotted(node)
            draw = _DRAWS.search(dotted)
            if _IMPURE.search(dotted) or (draw and draw["what"] not in _SEEDED):
                found.append(f"{name}:{node.lineno} {dotted}")
    assert found == []


def test_generators_are_told_their_seed() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _trees("store", *THOUGHT)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _dotted(node.func).rpartition(".")[2] in {"Random", "default_rng"}
        and not node.args
        and not node.keywords
    ]
    assert found == []


def test_no_room_names_the_machine_it_was_written_on() -> None:
    places = re.compile(r"(?<![\w.])/(work|root|home)/")
    found = [
        path.relative_to(HOUSE).as_posix()
        for room in (*ROOMS, "docs", "requirements")
        for path in sorted((HOUSE / room).rglob("*"))
        if path.suffix in {".py", ".md", ".toml", ".txt", ".graphql", ".mako"}
        and places.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_nothing_names_a_registry() -> None:
    hosts = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)")
    found = [
        path.relative_to(HOUSE).as_posix()
        for place in (*ROOMS, "docs", "requirements", "tests")
        for path in sorted((HOUSE / place).rglob("*"))
        if path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".js", ".ts", ".graphql"}
        and "node_modules" not in path.parts
        and hosts.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_locks_name_no_registry() -> None:
    for path in (HOUSE / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|index-url|find-links|file:", text), path.name
        pinned = re.findall(r"^([a-z0-9._-]+)(?:\[\S+\])?(==)?", text, re.MULTILINE)
        assert pinned, path.name
        assert all(equals for _, equals in pinned), path.name


def _node(name: str) -> Any:
    return json.loads((HOUSE / "tests" / "node" / name).read_text(encoding="utf-8"))


def test_the_lock_of_node_names_no_registry() -> None:
    packages = _node("package-lock.json")["packages"]
    assert len(packages) > 100
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert [name for name, one in packages.items() if name and "integrity" not in one] == []
    pinned = _node("package.json")["devDependencies"]
    assert [one for one in pinned.values() if not re.fullmatch(r"\d+\.\d+\.\d+", one)] == []


def test_packages_of_node_are_permissive() -> None:
    found = {
        name: one.get("license")
        for name, one in _node("package-lock.json")["packages"].items()
        if one.get("license") not in _PERMISSIVE
    }
    assert found == {}


@pytest.mark.xdist_group("house")
def test_tests_of_one_group_share_a_process(request: pytest.FixtureRequest) -> None:
    """Where they do not, every process imports every archive again, and nothing tells of it."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("these tests are not spread over processes")
    assert request.node.nodeid.endswith("@house")
