"""The commands of the asynchronous client.

Generated from the daemon's registry by `python -m agentd --write-generated .`: change the
commands, not this file.
"""
