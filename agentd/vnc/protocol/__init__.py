"""RFB as bytes and values."""
