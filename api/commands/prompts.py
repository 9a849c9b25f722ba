"""Show, check and save scenarios, preview prompts, and explain what was decided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.commands import _prompt_offers, _prompt_preview, _scenarios
from api.commands._asking import status_of
from api.commands._member_lines import Language
from api.commands._prompt_preview import Wanted
from api.commands._scenarios import State
from api.commands._shared import AsOf, Json
from api.console import run
from engagement.scenarios_read import is_surface

app = typer.Typer()

File = Annotated[
    Path,
    typer.Argument(
        help="A file of scenarios, of the policy or of both; or one scenario as `show` prints it."
    ),
]
Who = Annotated[
    str, typer.Argument(metavar="NAME|EXTERNAL_ID", help="A name, or what the site calls them.")
]
Source = Annotated[str | None, typer.Option(help="The community whose id or name it is.")]


@app.command()
def show(
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY|NUMBER", help="A scenario, to print its text (default: list them all)."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List also versions that ended or were replaced.")
    ] = False,
    policy: Annotated[
        bool, typer.Option("--policy", help="Print what holds for all scenarios together.")
    ] = False,
    json: Json = False,
) -> None:
    """List the scenarios, or print the text of one, or of the policy."""
    run(_scenarios.show(which, everything=everything, policy=policy, json=json))


@app.command()
def check(file: File, json: Json = False) -> None:
    """Say every mistake in a file, with its line and what would be right; keep nothing.

    What scenarios are for must be known to the community, which is looked at when the file is right
    in itself. The code is 1 when there are mistakes.
    """
    run(_scenarios.check(file, json=json))


@app.command()
def save(
    file: File,
    now: Annotated[
        bool, typer.Option("--run", help="Let what are drafts afterwards run at once.")
    ] = False,
    json: Json = False,
) -> None:
    """Keep every scenario of a file as a draft, and put its policy in force if it has one.

    What is as it was stays as it is; with a mistake in the file nothing is kept.
    """
    run(_scenarios.save(file, run=now, json=json))


@app.command()
def state(
    which: Annotated[str, typer.Argument(metavar="KEY|NUMBER", help="As `show` lists them.")],
    wanted: Annotated[State, typer.Argument(metavar="STATE", help="What then.")],
    json: Json = False,
) -> None:
    """Let a version of a scenario run, pause it or end it; of a key its draft begins to run.

    When a draft begins, the version of its key that ran before ends. What has ended stays so.
    """
    run(_scenarios.set_state(which, wanted, json=json))


@app.command()
def preview(
    who: Annotated[
        list[str] | None,
        typer.Argument(metavar="WHO", help="Names or ids (default: some of each status)."),
    ] = None,
    source: Source = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Only of this one; may be given several times.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, max=100_000, help="Members of each status.")] = 20,
    surface: Annotated[str, typer.Option(help="Where on the site.")] = "home",
    as_of: AsOf = None,
    lang: Annotated[
        Language | None,
        typer.Option(help="The language (default: English, and of prompts each member's own)."),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="KEY|NUMBER|FILE",
            help="As if only this ran; all that is in the file (default: what runs).",
        ),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Say of each scenario what became of it.")
    ] = False,
    json: Json = False,
) -> None:
    """List what members would be shown and why, also in the past; nothing is kept.

    Of what was hidden or taken back since, nothing is known any more: it was never there.
    """
    if not is_surface(surface):
        raise typer.BadParameter(f"--surface is {surface!r}; expected a name such as home")
    statuses = [status_of("--status", word) for word in status or ()]
    wanted = Wanted(who or (), source, statuses, each, surface, as_of, lang, scenario)
    run(_prompt_preview.show(wanted, trace=trace, json=json))


@app.command()
def trace(
    which: Annotated[
        str,
        typer.Argument(metavar="OFFER|WHO", help="The number of a decision; or a name or an id."),
    ],
    source: Source = None,
    first: Annotated[int, typer.Option(min=1, max=10_000, help="Decisions on a member.")] = 20,
    lang: Annotated[Language, typer.Option(help="The language to explain in.")] = Language.EN,
    json: Json = False,
) -> None:
    """Explain a decision scenario by scenario, or list the newest ones on a member.

    A number is that of a decision where there is one; with --source it is a member's id.
    """
    run(_prompt_offers.trace(which, source, first=first, language=lang, json=json))


@app.command()
def consent(
    who: Who,
    source: Source = None,
    refuse: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND|all", help="They want no such prompts; several times."),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="KIND|all", help="They do; several times.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what a member said to prompts, or set it on their behalf, from this moment on."""
    run(_prompt_offers.say_consent(who, source, refuse or (), allow or (), json=json))
