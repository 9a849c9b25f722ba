"""Memory: the tables, all SQL and every commit."""
