"""What stands against readiness, beyond the database itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from store.listen import Listener

#: Seconds that a listener gets to come back: a restart of the database is heard of by itself.
_PATIENCE: Final = 10.0


class Deafness:
    """Says when news of the database have not been heard for a while."""

    def __init__(self, listener: Listener, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._listener = listener
        self._clock = clock
        self._since: float | None = None

    def reason(self) -> str | None:
        """Why the service is not ready; None while it hears, or has not been deaf for long."""
        if self._listener.listening:
            self._since = None
            return None
        if self._since is None:
            self._since = self._clock()
        if self._clock() - self._since < _PATIENCE:
            return None
        return "changes in the database are not heard of"
