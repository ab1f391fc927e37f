"""How fast agentd is, measured in ratios to what else does the same work."""
