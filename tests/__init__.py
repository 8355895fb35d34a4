"""The tests; `live/` holds those that need real servers."""
