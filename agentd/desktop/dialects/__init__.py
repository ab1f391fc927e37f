"""Vendors' tool calls as actions, and their answers in the vendors' shapes."""
