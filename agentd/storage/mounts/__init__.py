"""Folders that are wanted, and what makes them true."""
