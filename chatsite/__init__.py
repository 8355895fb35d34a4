"""Wiring only: settings, ASGI, URLs and what the two servers need."""
