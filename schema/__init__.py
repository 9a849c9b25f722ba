"""The contract: GraphQL types written by hand, queries and mutations; tables never get here."""
