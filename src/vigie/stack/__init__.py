"""Starts, watches and stops the engines: components, where binaries come from, the supervisor."""
