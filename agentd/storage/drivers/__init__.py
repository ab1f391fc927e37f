"""FUSE drivers: what is run, with which options, and why."""
