"""Where the keys of a TOML document stand."""

from __future__ import annotations

from pathlib import Path

from engagement.rules import default
from engagement.toml_lines import lines_of

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "engagement" / "rules.toml").read_text(encoding="utf-8")


def test_lines_of_all_the_ways_toml_has() -> None:
    text = (
        "a = 1\r\n\"b.c\" = '''\n[no]\n'''\n"
        'd.e = [ # list ]\n  1,\n  { f = "]", "g" = 2 },\n]\n'
        '[[t]]\nx = """a\\""""\n[t.u]\ny = 1\n[[t]]\n[t.u]\ny = """\n""""\n[[t.v]]\n[[t.v]]\nz=1'
    )
    lines = lines_of(text)
    expected = {
        ("a",): 1,
        ("b.c",): 2,
        ("d",): 5,
        ("d", "e"): 5,
        ("d", "e", 0): 6,
        ("d", "e", 1): 7,
        ("d", "e", 1, "f"): 7,
        ("d", "e", 1, "g"): 7,
        ("t",): 9,
        ("t", 0): 9,
        ("t", 0, "x"): 10,
        ("t", 0, "u"): 11,
        ("t", 0, "u", "y"): 12,
        ("t", 1): 13,
        ("t", 1, "u", "y"): 15,
        ("t", 1, "v", 0): 17,
        ("t", 1, "v", 1): 18,
        ("t", 1, "v", 1, "z"): 19,
    }
    assert {path: lines[path] for path in expected} == expected


def test_every_key_of_the_default_file_is_found_on_its_line() -> None:
    written = TEXT.splitlines()
    keys = {path: line for path, line in lines_of(TEXT).items() if path[:1] == ("actions",)}
    assert len([path for path in keys if len(path) == 2]) == len(default().catalog)
    for path, line in keys.items():
        if len(path) == 3:
            assert written[line - 1].startswith(f"{path[2]} = ")
