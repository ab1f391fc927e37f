"""What the screen shows: captured once for all, what has changed in it, whether it has settled."""
