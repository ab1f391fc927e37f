"""The desktop's commands: JSON on one side, the room's words on the other."""
