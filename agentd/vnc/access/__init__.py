"""Who may look, who may act, and who has the desktop."""
