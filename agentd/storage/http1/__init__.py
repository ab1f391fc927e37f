"""HTTP/1.1 as bytes: strict heads and bodies, without a socket."""
