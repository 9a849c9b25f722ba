"""What became of each record of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Outcomes of the records of one kind.

    ``duplicate`` was there already; ``conflict`` was there with other content, which stays;
    ``replaced`` is a snapshot that changed what was known; ``waiting`` was recorded, but what it
    is about is not known yet.
    """

    recorded: int = 0
    duplicate: int = 0
    conflict: int = 0
    replaced: int = 0
    waiting: int = 0

    def add(self, other: Counts) -> None:
        """Add the outcomes of another call."""
        self.recorded += other.recorded
        self.duplicate += other.duplicate
        self.conflict += other.conflict
        self.replaced += other.replaced
        self.waiting += other.waiting


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that was not recorded: its position in the call, the field, and what is wrong."""

    position: int
    field: str
    code: str
    message: str


@dataclass(slots=True)
class Receipt:
    """The outcome of one call, by kind of record.

    ``unclassified`` counts new actions of types that the active rules do not classify.
    """

    counts: dict[str, Counts] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    unclassified: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, kind: str) -> Counts:
        """The outcomes of one kind."""
        return self.counts.setdefault(kind, Counts())

    def add(self, other: Receipt, *, offset: int = 0) -> None:
        """Add another call's receipt, whose positions begin at ``offset``."""
        for kind, counts in other.counts.items():
            self.of(kind).add(counts)
        self.rejected.extend(
            Rejection(r.position + offset, r.field, r.code, r.message) for r in other.rejected
        )
        self.note_unclassified(other.unclassified)

    def note_unclassified(self, found: Mapping[tuple[str, str], int]) -> None:
        """Count actions of unclassified types."""
        for key, n in found.items():
            self.unclassified[key] = self.unclassified.get(key, 0) + n
