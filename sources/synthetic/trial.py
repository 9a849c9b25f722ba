"""Experiments in a made-up community: what members do after a prompt, with an effect that is known.

Of everybody some do the thing by themselves; of those who are shown the prompt some more do it
because of it. That is all there is to it, so that what a report finds can be held against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sources.records import ActionRecord
from sources.synthetic.dice import Dice

#: Streams of a seed that the community itself does not use begin here.
_STREAM: Final = 900
#: Days after a prompt within which people do it, if they do.
_WITHIN: Final = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment: its scenario, the action it is for, and how likely that is.

    ``by_themselves`` is the share that does it in any case, ``because`` what being shown adds.
    """

    key: str
    venue: str
    verb: str
    by_themselves: float
    because: float


TRIALS: Final = (
    Trial("trial_profile", "profile", "complete_profile", 0.15, 0.35),
    Trial("trial_picture", "profile", "set_avatar", 0.3, 0.0),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A member, when their prompt was decided, and whether they were shown it."""

    member: str
    at: datetime
    shown: bool


def deeds(
    trial: Trial, asked: Iterable[Asked], *, seed: int, source: str
) -> Iterator[ActionRecord]:
    """What members did after their decisions: one action of those who did it at all."""
    dice = Dice(seed, _STREAM + TRIALS.index(trial))
    for one in sorted(asked, key=lambda one: one.member):
        likely = trial.by_themselves + (trial.because if one.shown else 0.0)
        later = timedelta(hours=1) + dice.random() * timedelta(days=_WITHIN)
        if dice.chance(likely):
            yield ActionRecord(
                source=source,
                id=f"{trial.key}-{one.member}",
                actor=one.member,
                venue=trial.venue,
                verb=trial.verb,
                time=one.at + later,
            )
