"""Where the real keys come from, and how a request is made acceptable with them."""
