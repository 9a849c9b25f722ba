"""What is kept of documents stays within its bounds."""

from __future__ import annotations

from api.kept import Kept


def test_what_was_not_asked_for_the_longest_goes_first():
    kept = Kept[int](most=2)
    kept.keep("a", 1, 1)
    kept.keep("b", 2, 1)
    assert kept.get("a") == 1
    kept.keep("c", 3, 1)
    assert [kept.get(name) for name in "abc"] == [1, None, 3]


def test_long_texts_drive_out_others_but_not_all():
    kept = Kept[str](characters=100)
    for number in range(12):
        kept.keep(str(number), "x", 10)
        kept.keep(str(number), "again", 10)
    assert [kept.get(str(number)) for number in range(12)] == [None, None, *["x"] * 10]
    kept.keep("long", "x", 11)
    assert kept.get("long") is None
