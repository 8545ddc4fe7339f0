"""One page a file; each takes a request and gives HTML."""
