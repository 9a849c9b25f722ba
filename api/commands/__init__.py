"""One file per command: its docstring's first line stands in ``ikusei --help``, and either its
function ``command`` or its Typer application ``app`` is run. A file is imported only when its
command is called; a trailing ``_`` of its name is dropped (``import_.py``)."""
