"""How often a caller may ask: so many times a second, and for a while faster.

The generic cell rate algorithm (ITU-T I.371, 1993): all that is kept of a caller is the moment at
which their next request would be on time. It is a number of one process.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from api.errors import Refusal
from schema.context import Caller

#: Seconds of requests that may come at once.
BURST: Final = 10.0
_MOST_KEPT: Final = 100_000


class Rate:
    """At most ``per_second`` requests of each caller in the long run; 0: any number."""

    def __init__(
        self,
        per_second: float,
        *,
        burst: float = BURST,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._now = now
        self._due: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, caller: Hashable) -> None:
        """Count a request.

        Raises Refusal, which says when to come again, and does not count it then.
        """
        if not self._per_second:
            return
        now = self._now()
        due = max(self._due.get(caller, now), now)
        wait = due - now - self._burst
        if wait > 0:
            seconds = math.ceil(wait)
            raise Refusal(
                "RATE_LIMITED",
                f"at most {self._per_second:g} requests a second: try again in {seconds} s",
                (b"retry-after", str(seconds).encode()),
            )
        self._due[caller] = due + 1 / self._per_second
        self._due.move_to_end(caller)
        if len(self._due) > _MOST_KEPT:
            self._due.popitem(last=False)


class Rates:
    """The rates of whoever has a key, and of members, each a number of requests a second."""

    def __init__(self, *, keys: float, members: float) -> None:
        self._keys = Rate(keys)
        self._members = Rate(members)

    def take(self, caller: Caller) -> None:
        """Count a request; raises Refusal as Rate does."""
        rate = self._keys if caller.member is None else self._members
        rate.take(caller.who)
