"""The way from a mount's driver to its bucket."""
