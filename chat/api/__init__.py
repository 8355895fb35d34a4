"""The HTTP API of programs, `/api/v1/…`."""
