"""The pointer and the keyboard, and who holds what."""
