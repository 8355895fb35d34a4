"""Self-hosted real-time rooms on Django Channels."""

__version__ = "0.1.0"
