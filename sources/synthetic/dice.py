"""Seeded draws that come out the same on every platform."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from numpy.random import PCG64, Generator

T = TypeVar("T")

_BLOCK = 8192


class Dice:
    """Scalar draws from one stream of a seed.

    Only uniform doubles are taken from the generator, and all else is made of them by additions,
    multiplications, divisions and comparisons: logarithms and powers differ in their last bit
    between platforms, these do not. Uniforms are fetched in blocks, because a scalar call into
    numpy costs ten times as much as a list's ``pop``.
    """

    def __init__(self, seed: int, stream: int) -> None:
        """Streams of one seed do not depend on each other."""
        self._generator = Generator(PCG64([seed, stream]))
        self._block: list[float] = []

    def random(self) -> float:
        """A uniform number in [0, 1)."""
        if not self._block:
            self._block = self._generator.random(_BLOCK).tolist()
        return self._block.pop()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.random() < probability

    def below(self, bound: int) -> int:
        """A whole number in [0, bound)."""
        return int(self.random() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.below(high - low + 1)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[self.below(len(items))]

    def tail(self) -> float:
        """A heavy-tailed number in [0, inf): Lomax with exponent 1, median 1."""
        return 1.0 / (1.0 - self.random()) - 1.0

    def repeats(self, mean: float, most: int) -> int:
        """A geometric count with about this mean, at most ``most``."""
        again = mean / (1.0 + mean)
        count = 0
        while count < most and self.random() < again:
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class Mix:
    """Names with weights, prepared for drawing; ``ladder`` is the running sum of the weights."""

    names: tuple[str, ...]
    ladder: tuple[float, ...]

    @classmethod
    def of(cls, **weights: float) -> Mix:
        """From names and any positive weights, e.g. ``Mix.of(like=3, comment=1)``."""
        return cls(tuple(weights), tuple(accumulate(weights.values())))

    def draw(self, dice: Dice) -> str:
        """One of the names, by weight."""
        return self.names[bisect_right(self.ladder, dice.random() * self.ladder[-1])]
