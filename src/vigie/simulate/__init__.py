"""What stands in for the world in development: an OpenAI-compatible provider, traffic, faults."""
