"""Foreign exports and synthetic communities as canonical records; no database, no network."""
