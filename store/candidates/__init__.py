"""What prompts can be about: found by due work, a feeder a kind, looked up at the decision."""
