"""The commands of the daemon as typed methods.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""
