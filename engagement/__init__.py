"""Thought about engagement: catalog, standing and what follows from them; values in, values out."""
