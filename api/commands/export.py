"""Write what there is to files: the lake for history."""

from __future__ import annotations

import typer

from api.commands._lake import lake

app = typer.Typer()
app.command("lake")(lake)
