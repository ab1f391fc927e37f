"""The S3 protocol: what a request asks, who signed it, and how it is written anew."""
