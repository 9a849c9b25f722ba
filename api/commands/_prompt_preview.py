"""What members would be shown, also by what does not run yet: decided and not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from api.commands import _find
from api.commands._member_lines import Language
from api.commands._prompt_lines import Lines
from api.commands._prompt_view import counted, previewed
from api.commands._scenarios import check_against, read_written, version_of
from api.commands._shared import archive_note, moment_of, whole
from api.console import CommandError, gauge, print_json, say, steps
from api.database import open_database
from api.settings import Settings
from engagement.prompt import Running
from engagement.scenarios_read import Written
from engagement.words import STATUSES, Status
from store import members, preview, scenarios
from store.db import Database, Read, day_date
from store.moment import Moment
from store.preview import Asked, Previewed
from store.scenarios import InForce


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a preview is of, where, when, in which language, and by which scenarios alone."""

    who: Sequence[str]
    source: str | None
    statuses: Sequence[Status]
    each: int
    surface: str
    as_of: str | None
    language: Language | None
    which: str | None


async def show(wanted: Wanted, *, trace: bool, json: bool) -> None:
    """Print what members would be shown, and why."""
    if wanted.who and wanted.statuses:
        raise CommandError("--status draws a sample; leave it out where members are named")
    settings = Settings.load()
    now = settings.make_clock().now()
    file = _file(wanted.which)
    read = None if file is None else read_written(file, json=json)
    async with open_database(settings) as database, database.read() as connection:
        moment, day = await moment_of(database, connection, now, wanted.as_of)
        force = await scenarios.now_in_force(database, connection)
        if file is not None and read is not None:
            await check_against(database, connection, file, read[0], json=json)
            force = _as_if(force, read[1])
        elif wanted.which is not None:
            one = await version_of(connection, wanted.which)
            force = preview.alone(force, Running(one.id, one.scenario))
        found = await _decided(database, connection, wanted, force, moment, day)
        accounts = await members.accounts(connection, [one.member.id for one in found])
    if note := archive_note(moment, wanted.as_of):
        say(note)
    if wanted.who and len(found) < len(set(wanted.who)):
        say(f"Of {len(set(wanted.who))} members {len(found)} were here by {day_date(day)}.")
    rows = [previewed(one, accounts, trace=trace) for one in found]
    told = {
        "as_of": str(day_date(day)),
        "archive": moment.archive,
        "rule_set": moment.rules.name,
        "policy": force.policy_id,
        "surface": wanted.surface,
        "sampled": [one.value for one in _sampled(wanted, force)],
        "members": rows,
        **counted(rows, force.running, frozenset(moment.rules.types)),
    }
    if json:
        print_json(told)
    else:
        print("\n".join(Lines(wanted.language or Language.EN).preview(told)))


async def _decided(
    database: Database,
    connection: Read,
    wanted: Wanted,
    force: InForce,
    moment: Moment,
    day: int,
) -> list[Previewed]:
    chosen = [
        (await _find.the_one(connection, who, wanted.source)).row.id
        for who in dict.fromkeys(wanted.who)
    ]
    if not chosen:
        with steps() as tell:
            tell("placing members")
            chosen = await preview.sample(
                connection,
                moment.rules,
                day=day,
                today=moment.today,
                each=wanted.each,
                statuses=_sampled(wanted, force),
            )
    with gauge("deciding") as progress:
        return await preview.preview(
            database,
            connection,
            list(dict.fromkeys(chosen)),
            moment.rules,
            force,
            Asked(day, _at(database, moment, day), wanted.surface, wanted.language),
            progress=progress,
        )


def _sampled(wanted: Wanted, force: InForce) -> Sequence[Status]:
    """The statuses from each of which some members are drawn."""
    if wanted.who or wanted.statuses:
        return wanted.statuses
    if wanted.which is None:
        return STATUSES
    return [one for one in STATUSES if any(r.scenario.status is one for r in force.running)]


def _at(database: Database, moment: Moment, day: int) -> datetime:
    """The moment of the day that is asked about: now, or its end."""
    return moment.now if day == moment.today else database.end_of(day)


def _file(which: str | None) -> Path | None:
    """The file that is meant, where no key or number is."""
    if which is None:
        return None
    path = Path(which)
    return path if path.exists() or (path.suffix and whole(which) is None) else None


def _as_if(force: InForce, written: Written) -> InForce:
    """What decisions would be made by if the scenarios of a file ran, and no others."""
    running = tuple(Running(0, scenario) for _, scenario in written.scenarios)
    return replace(force, running=running, policy=written.policy or force.policy)
