"""A made-up community: the data of ``ikusei demo`` and the fixture of many tests."""
