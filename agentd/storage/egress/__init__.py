"""The allow-list proxy for the agent's own traffic."""
