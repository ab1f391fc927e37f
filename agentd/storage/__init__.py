"""Buckets as folders, with a guarded way out."""
