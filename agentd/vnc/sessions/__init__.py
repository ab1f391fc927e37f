"""One connected viewer, and what it shares with the others."""
