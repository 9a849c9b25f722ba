"""Names as they are looked for: one form for all the ways in which a name can be written.

Half and full width, composed and decomposed, large and small letters are the same to who searches:
タナカ finds ﾀﾅｶ.
"""

from __future__ import annotations

from typing import Final
from unicodedata import normalize

#: No letter comes after it, in the order of code points.
_LAST: Final = "\U0010ffff"
#: One character can become eighteen, and an index holds no row of more than 2,700 bytes.
_LONGEST: Final = 255


def folded(name: str | None) -> str:
    """The form in which a name is kept for searching and sorting; empty for none."""
    return normalize("NFKC", normalize("NFKC", name or "").casefold())[:_LONGEST]


def beginning(prefix: str) -> tuple[str, str]:
    """From where to where texts lie that begin with ``prefix``, in the order of code points."""
    return prefix, prefix + _LAST
