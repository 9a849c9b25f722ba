"""Who helps how many: by distinct people, which no zeal toward a single friend can raise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engagement.points import Ints

#: Of fewer helpers nothing is said of the top tenth.
LEAST = 10


@dataclass(frozen=True, slots=True, eq=False)
class Help:
    """Helpers with how many each of them helped, the most first, then ascending by number.

    ``people`` were helped by any of them. ``top`` helpers are the first tenth (rounded up), who
    helped ``top_people`` of these; None where there are fewer than LEAST helpers.
    """

    helper: Ints
    helped: Ints
    people: int
    top: int | None
    top_people: int | None


def helpers(helper: Ints, helped: Ints) -> Help:
    """What pairs of who helped whom (numbers; a pair may come again) add up to."""
    pairs = np.unique(np.stack([helper, helped]), axis=1)
    who, first, number = np.unique(pairs[0], return_index=True, return_counts=True)
    order = np.lexsort((who, -number))
    people = len(np.unique(pairs[1]))
    if len(who) < LEAST:
        return Help(who[order], number[order], people, None, None)
    top = math.ceil(len(who) / 10)
    by_top = [pairs[1, first[i] : first[i] + number[i]] for i in order[:top].tolist()]
    return Help(who[order], number[order], people, top, len(np.unique(np.concatenate(by_top))))
