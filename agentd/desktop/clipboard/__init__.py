"""The clipboard and the primary selection, as owner and as reader."""
