"""The doors: HTTP, the command line and the worker. No SQL here."""
