"""Rectangles of pixels as RFB encodings."""
