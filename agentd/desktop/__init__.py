"""The screen and the hands: X server, capture, input, windows, apps."""
