"""Texts that are kept for the next time, within bounds."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

Value = TypeVar("Value")

#: What is made of a document may take a hundred times its text in memory.
_MOST_DOCUMENTS: Final = 1_000
_MOST_CHARACTERS: Final = 500_000


class Kept(Generic[Value]):
    """What belongs to documents: ``most`` of them, with ``characters`` in all of their texts.

    Those that were not asked for the longest go first. A document with more than a tenth of the
    characters is not kept: it would drive out too many others.
    """

    def __init__(self, most: int = _MOST_DOCUMENTS, characters: int = _MOST_CHARACTERS) -> None:
        self._most = most
        self._most_characters = characters
        self._values: OrderedDict[str, tuple[Value, int]] = OrderedDict()
        self._characters = 0

    def get(self, name: str) -> Value | None:
        """What was kept by this name; None where nothing is."""
        found = self._values.get(name)
        if found is None:
            return None
        self._values.move_to_end(name)
        return found[0]

    def keep(self, name: str, value: Value, characters: int) -> None:
        """Keep ``value``, which belongs to a text of so many characters."""
        if characters * 10 > self._most_characters or name in self._values:
            return
        self._values[name] = value, characters
        self._characters += characters
        while len(self._values) > self._most or self._characters > self._most_characters:
            _, (_, gone) = self._values.popitem(last=False)
            self._characters -= gone
