"""One file per command.

Its docstring's first line stands in ``ikusei --help``, and either its function ``command`` or its
Typer application ``app`` is run. A file is imported only when its command is called; a ``_`` at the
end of its name is dropped (``import_.py``).
"""
