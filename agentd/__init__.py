"""agentd: one daemon that gives computer-use agents a desktop and a guarded way in and out."""
