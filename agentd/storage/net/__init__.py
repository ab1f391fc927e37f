"""Connections in and out, and where they may lead."""
