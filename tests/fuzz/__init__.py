"""The fuzzer of what clients send: `python -m tests.fuzz --seconds 300`."""
