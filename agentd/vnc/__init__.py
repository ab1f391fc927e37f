"""The desktop for human eyes: an RFB server, its viewers, and who may do what."""
