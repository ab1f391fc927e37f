"""Outside the daemon: the Python client and agentctl."""
