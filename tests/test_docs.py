"""The documentation holds what the code holds: every word, command, setting, scope and code."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import cli, cli_page, scopes_page
from api.commands.demo import QUERY
from api.settings import Settings
from engagement.words import Cause, Grade, Index, Role, Status
from sources.open import FORMATS
from sources.records import KINDS
from store.db import Database
from store.keys import Scope
from store.tables import Table
from tests.api.command_line import HOUSE, told, works
from tests.databases import directory

_DOCS = HOUSE / "docs"
_PAGES = [HOUSE / "README.md", *sorted(_DOCS.rglob("*.md"))]
_LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def _read(name: str) -> str:
    return (_DOCS / name).read_text(encoding="utf-8")


def _fences(text: str, kind: str) -> list[str]:
    return [fence["text"] for fence in _FENCE.finditer(text) if fence["kind"] == kind]


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    words = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"\s", "-", words)


def _anchors(page: Path) -> set[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {_anchor(line.lstrip("#")) for line in text.splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for match in _LINK.finditer(text):
        target, _, anchor = match["target"].partition("#")
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(match["target"])
    assert not broken


def test_every_page_is_in_the_index() -> None:
    index = _read("README.md")
    for page in _DOCS.rglob("*.*"):
        if page != _DOCS / "README.md":
            assert f"]({page.relative_to(_DOCS)})" in index or page.name == "quickstart.md", page


@pytest.mark.slow
def test_the_page_of_the_commands_is_that_of_the_code() -> None:
    assert _read("reference/cli.md") == cli_page.page(), "run python -m api.cli_page"
    for name in cli.commands():
        assert f"## `ikusei {name}`" in cli_page.page()


def test_the_page_of_the_scopes_is_that_of_the_schema() -> None:
    assert _read("reference/scopes.md") == scopes_page.page(), "run python -m api.scopes_page"
    for scope in Scope:
        assert f"| `{scope.value}` |" in scopes_page.page()


def test_every_setting_is_documented() -> None:
    page = _read("reference/settings.md")
    for name in Settings.model_fields:
        assert f"`IKUSEI_{name.upper()}`" in page


def test_every_error_code_is_documented() -> None:
    page = _read("reference/error-codes.md")
    found = set()
    for room in ("api", "schema"):
        for file in (HOUSE / room).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            found |= set(re.findall(r"(?:Refused|Refusal|Problem)\(\s*\"([A-Z][A-Z_]+)\"", text))
            found |= set(re.findall(r"\bcode=\"([A-Z][A-Z_]+)\"", text))
    assert len(found) > 5
    assert not {code for code in found if f"| `{code}` |" not in page}


def test_every_format_of_import_is_documented() -> None:
    page = _read("how-to/import.md")
    for name in FORMATS:
        assert f"| `{name}` |" in page


@pytest.mark.parametrize("words", [Status, Index, Cause, Role], ids=lambda words: words.__name__)
def test_the_glossary_has_the_words(words: type[Any]) -> None:
    page = _read("glossary.md")
    for word in words:
        assert f"`{word.value}`" in page


def test_the_glossary_has_grades_kinds_and_both_languages() -> None:
    page = _read("glossary.md")
    for word in (*(grade.name.lower() for grade in Grade), *KINDS):
        assert f"| `{word}` |" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for row in rows:
        japanese = row.split("|")[2]
        assert re.search("[\u3040-\u30ff\u4e00-\u9fff]", japanese), row


def test_every_table_has_its_reasons() -> None:
    page = _read("reference/tables.md")
    for name in Table.metadata.tables:
        assert f"`{name}`" in page, name


def test_no_page_names_a_command_that_there_is_not() -> None:
    known = set(cli.commands())
    for page in [*_PAGES, HOUSE / "engagement" / "rules.toml"]:
        asked = re.findall(
            r"(?:^\$ |^    |`|bin/)ikusei ([a-z][a-z-]+)",
            page.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        assert set(asked) <= known, page


def _calls(page: str) -> Iterator[dict[str, Any]]:
    """What the curl commands of a page send."""
    for block in _fences(_read(page), "sh"):
        words = shlex.split(block)
        if words[0] == "curl":
            yield json.loads(words[words.index("--data") + 1])


def _ask(call: dict[str, Any], directory: Path, url: str) -> Any:
    file = directory / "asked.graphql"
    file.write_text(call["query"], encoding="utf-8")
    variables = json.dumps(call.get("variables", {}))
    answer = json.loads(works("query", str(file), "--variables", variables, database_url=url))
    assert "errors" not in answer
    return answer["data"]


@pytest.mark.slow
def test_the_calls_of_the_how_to_work(url: str, tmp_path: Path) -> None:
    calls = list(_calls("how-to/embed.md"))
    assert len(calls) == 6
    answers = [_ask(call, tmp_path, url) for call in calls]
    for answer in answers[:4]:
        (receipt,) = answer.values()
        assert (receipt["recorded"] > 0, receipt["rejected"]) == (True, [])
    assert answers[3]["recordActions"]["unclassified"] == []
    assert answers[4] == {"retract": {"recorded": 1, "waiting": 0}}
    member = answers[5]["member"]
    assert member["name"] == "Aoi"
    points = {one["index"]: one["points"] for one in member["standing"]["indices"]}
    assert points["CONTRIBUTION"] > 0

    ids, merge = list(_calls("how-to/erase-and-merge.md"))[1:]
    found = _ask(ids, tmp_path, url)
    merge["variables"] = {name: found[name]["id"] for name in ("keep", "merge")}
    assert list(_ask(merge, tmp_path, url)["mergeMembers"]) == ["id"]
    erase = next(_calls("how-to/erase-and-merge.md"))
    assert list(_ask(erase, tmp_path, url)["eraseMember"]) == ["id"]


def test_the_records_of_the_how_to_are_records(url: str, tmp_path: Path) -> None:
    lines = next(text for text in _fences(_read("how-to/import.md"), "json") if '"kind"' in text)
    file = tmp_path / "records.ndjson"
    file.write_text(lines, encoding="utf-8")
    report = told("import", "ndjson", str(file), database_url=url)
    assert set(report["read"]) == set(KINDS)
    assert (report["rejected"], report["unclassified"]) == ({}, {})


@pytest.mark.slow
def test_the_first_query_has_the_answer_of_the_readme(tmp_path: Path) -> None:
    text = (HOUSE / "README.md").read_text(encoding="utf-8")
    (query,), (answer,) = _fences(text, "graphql"), _fences(text, "json")
    assert _tokens(query) == _tokens(QUERY)
    file = tmp_path / "first.graphql"
    file.write_text(query, encoding="utf-8")
    with directory() as place:
        here = {"data_dir": f"{place}/data", "clock": "2026-11-21T03:00:00Z"}
        works("demo", "--no-serve", **here)
        assert json.loads(works("query", str(file), **here)) == json.loads(answer)


def _tokens(query: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s,]", query)


async def test_bytes_are_told_for_the_tables_that_grow(database: Database) -> None:
    """The estimate is of this layout: a column that is added must be measured again."""
    async with database.read() as connection:
        columns = await connection.fetchval(
            "select count(*) from information_schema.columns where table_name = 'action'"
        )
    assert f"{columns} columns" in _read("reference/tables.md")
