"""Reports: each answers a question of community managers, in rows that are the same everywhere."""
