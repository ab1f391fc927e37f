"""What to send of a change."""
