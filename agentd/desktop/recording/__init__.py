"""Recordings: the screen as a video, and what was done on it as a log."""
