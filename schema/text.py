"""``python -m schema.text`` writes schema.graphql, the text under review."""

from __future__ import annotations

from pathlib import Path

from schema.schema import schema

if __name__ == "__main__":
    Path(__file__).with_name("schema.graphql").write_text(schema.as_str() + "\n", encoding="utf-8")
