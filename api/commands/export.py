"""Write what there is to files: lists of members, and the lake for history."""

from __future__ import annotations

import typer

from api.commands import _audience
from api.commands._lake import lake

app = typer.Typer()
app.command("audience")(_audience.command)
app.command("lake")(lake)
