"""How others speak to the daemon: one dispatcher and its faces; knows no room."""
